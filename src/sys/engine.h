/* What this QuickJS (npm @suchipi/quickjs) does differently from Bellard's and
 * quickjs-ng's. host.c and sys.c call the engine through this file alone, so that
 * another engine can take its place: see docs/ENGINE.md. */
#ifndef TRINIT_ENGINE_H
#define TRINIT_ENGINE_H

#include "quickjs.h"

/* This fork's throwing functions want the C source's place first. */
#define engine_throw_type(ctx, ...) JS_ThrowTypeError(ctx, __FILE__, __LINE__, __VA_ARGS__)

/* The collector of cycles never runs by itself: one run dirties every page of the
 * heap, which forked supervisors share. Reference counts free everything else. */
#define engine_collector_off(rt) JS_SetGCThreshold(rt, (size_t)-1)

#endif
