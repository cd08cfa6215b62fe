/* Values across the border between C and JavaScript: bytes, numbers, buffers, results. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

/* --- Bytes across the border ------------------------------------------------------------- */

JSValue bytes_out(JSContext *ctx, const char *bytes, size_t size) {
	size_t high = 0;
	for (size_t i = 0; i < size; i++) high += (unsigned char)bytes[i] >> 7;
	if (high == 0) return JS_NewStringLen(ctx, bytes, size);
	char *utf8 = js_malloc(ctx, size + high), *out = utf8;
	if (!utf8) return JS_EXCEPTION;
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		if (byte < 0x80) {
			*out++ = (char)byte;
		} else {
			*out++ = (char)(0xc0 | byte >> 6);
			*out++ = (char)(0x80 | (byte & 0x3f));
		}
	}
	JSValue string = JS_NewStringLen(ctx, utf8, size + high);
	js_free(ctx, utf8);
	return string;
}

/* Memory for the length of one system call. Out of one place, so that calls do not dirty a
 * page of the engine's pools for every size of string that comes along. */
#ifdef TRINIT_ASAN
static _Alignas(8) char scratch[8]; /* every block the sanitizer's */
#else
static _Alignas(8) char scratch[2048];
#endif
static size_t scratch_used;

void *take_scratch(JSContext *ctx, size_t size) {
	size_t rounded = (size + 7) & ~(size_t)7;
	if (rounded > sizeof scratch - scratch_used) return js_malloc(ctx, size);
	scratch_used += rounded;
	return scratch + scratch_used - rounded;
}

/* What was taken after `memory` is given back with it. */
void give_scratch(JSContext *ctx, void *memory) {
	char *at = memory;
	if (at < scratch || at >= scratch + sizeof scratch)
		js_free(ctx, memory);
	else if ((size_t)(at - scratch) < scratch_used)
		scratch_used = (size_t)(at - scratch);
}

/* The bytes of a byte string, NUL-terminated, for give_scratch(); NULL with an exception. */
char *bytes_in(JSContext *ctx, JSValueConst value, size_t *size_out) {
	size_t size = 0, length = 0;
	const char *utf8 = JS_ToCStringLen(ctx, &size, value);
	if (!utf8) return NULL;
	char *bytes = take_scratch(ctx, size + 1);
	if (!bytes) goto done;
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)utf8[i];
		if (byte >= 0x80) {
			if (byte > 0xc3 || i + 1 >= size) {
				give_scratch(ctx, bytes);
				bytes = NULL;
				engine_throw_type(ctx, "not a string of bytes");
				goto done;
			}
			byte = (unsigned char)(byte << 6 | ((unsigned char)utf8[++i] & 0x3f));
		}
		bytes[length++] = (char)byte;
	}
	bytes[length] = 0;
	if (size_out) *size_out = length;
done:
	JS_FreeCString(ctx, utf8);
	return bytes;
}

/* --- Arguments and results --------------------------------------------------------------- */

JSValue outcome(JSContext *ctx, long value) {
	return JS_NewInt64(ctx, value < 0 ? -errno : value);
}

int int_in(JSContext *ctx, JSValueConst value) {
	int number = 0;
	JS_ToInt32(ctx, &number, value); /* sys.d.ts says number: the compiler has checked it */
	return number;
}

#define COUNT_MAX ((INT64_C(1) << 53) - 1) /* up to here every number of bytes is itself */

JSValue count_out(JSContext *ctx, uint64_t count) {
	return JS_NewInt64(ctx, count < COUNT_MAX ? (int64_t)count : COUNT_MAX);
}

int offset_in(JSContext *ctx, JSValueConst value, off_t *offset) {
	double number;
	if (JS_ToFloat64(ctx, &number, value) < 0) return -1;
	if (number >= 0 && number <= (double)COUNT_MAX && number == (double)(off_t)number) {
		*offset = (off_t)number;
		return 0;
	}
	engine_throw_type(ctx, "not a number of bytes: %g", number);
	return -1;
}

/* For calls on one path: the path, or NULL with an exception or an errno in *result. */
char *path_in(JSContext *ctx, JSValueConst value, JSValue *result) {
	size_t size;
	char *path = bytes_in(ctx, value, &size);
	*result = JS_EXCEPTION;
	if (path && strlen(path) != size) { /* no file's name has a NUL in it */
		give_scratch(ctx, path);
		*result = JS_NewInt32(ctx, -ENOENT);
		return NULL;
	}
	return path;
}

uint8_t *buffer_in(JSContext *ctx, JSValueConst value, size_t *size) {
	size_t offset, length, unit;
	JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, &length, &unit);
	if (JS_IsException(buffer)) return NULL;
	uint8_t *data = JS_GetArrayBuffer(ctx, size, buffer);
	JS_FreeValue(ctx, buffer);
	*size = length;
	return data ? data + offset : NULL;
}

/* The part of a buffer that (buffer, from, to) names; NULL with an exception. */
uint8_t *range_in(ARGS, size_t *size) {
	(void)this_val;
	uint8_t *data = buffer_in(ctx, argv[0], size);
	if (!data || argc < 3) return data;
	int from = int_in(ctx, argv[1]), to = int_in(ctx, argv[2]);
	if (from < 0 || to < from || (size_t)to > *size) {
		engine_throw_type(ctx, "range %d-%d of a buffer of %d", from, to, (int)*size);
		return NULL;
	}
	*size = (size_t)(to - from);
	return data + from;
}

int length_in(JSContext *ctx, JSValueConst array) {
	JSValue length = JS_GetPropertyStr(ctx, array, "length");
	int number = int_in(ctx, length);
	JS_FreeValue(ctx, length);
	return number;
}

int int_at(JSContext *ctx, JSValueConst array, int index) {
	JSValue item = JS_GetPropertyUint32(ctx, array, (uint32_t)index);
	int number = int_in(ctx, item);
	JS_FreeValue(ctx, item);
	return number;
}

void push_int(JSContext *ctx, JSValueConst array, uint32_t index, int64_t number) {
	JS_SetPropertyUint32(ctx, array, index, JS_NewInt64(ctx, number));
}

/* --- Fault points: only a build with TRINIT_FAULTS has them ------------------------------ */

#ifdef TRINIT_FAULTS
/* What the engine itself may do wrong, for the last resort of process 1. */
static void crash(const char *how) {
	static int *volatile nowhere;
	if (strcmp(how, "crash-segv") == 0) *nowhere = 0;
	if (strcmp(how, "crash-trap") == 0) __builtin_trap();
	if (strcmp(how, "crash-abort") == 0) abort();
}

/* A fault is armed by a file of its name in $TRINIT_FAULTS; NAME.once fires once. */
int fault_armed(const char *name) {
	const char *dir = getenv("TRINIT_FAULTS");
	char path[4096];
	if (!dir) return 0;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int armed = access(path, F_OK) == 0;
	snprintf(path, sizeof path, "%s/%s.once", dir, name);
	if (!armed) armed = unlink(path) == 0;
	if (armed) crash(name);
	return armed;
}
#endif

/* --- Exceptions that nobody caught ------------------------------------------------------- */

static void print_property(JSContext *ctx, JSValueConst object, const char *name) {
	JSValue value = JS_GetPropertyStr(ctx, object, name);
	const char *text = JS_IsUndefined(value) ? NULL : bytes_in(ctx, value, NULL);
	if (text) fprintf(stderr, ": %s", text);
	give_scratch(ctx, (void *)text);
	JS_FreeValue(ctx, value);
}

void report_exception(JSContext *ctx, const char *name) {
	JSValue error = JS_GetException(ctx);
	if (getpid() == 1 && !can_write(2, 0)) {
		JS_FreeValue(ctx, error);
		return;
	}
	fprintf(stderr, "%s: fatal: fault in the program", name);
	print_property(ctx, error, "message");
	print_property(ctx, error, "stack");
	fputc('\n', stderr);
	JS_FreeValue(ctx, error);
}
