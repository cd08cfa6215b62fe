/* Who a process is: its numbers, session, user, limits, environment, and what it becomes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys.h"

/* getpid() -> pid */
JSValue sys_getpid(ARGS) {
	UNUSED_ARGS;
	return JS_NewInt32(ctx, getpid());
}

/* geteuid() -> uid */
JSValue sys_geteuid(ARGS) {
	UNUSED_ARGS;
	return JS_NewInt64(ctx, geteuid());
}

/* setsid() -> session | -errno */
JSValue sys_setsid(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, setsid());
}

/* [errno, call] */
static JSValue failure(JSContext *ctx, int error, const char *call) {
	JSValue pair = JS_NewArray(ctx);
	push_int(ctx, pair, 0, error);
	JS_SetPropertyUint32(ctx, pair, 1, bytes_out(ctx, call, strlen(call)));
	return pair;
}

/* A number that needs more than int_at()'s 31 bits. */
static double number_at(JSContext *ctx, JSValueConst array, int index) {
	double number = 0;
	JSValue item = JS_GetPropertyUint32(ctx, array, (uint32_t)index);
	JS_ToFloat64(ctx, &number, item);
	return number;
}

/* A limit as setrlimit(2) has it; -1 is none, as is what no rlim_t can hold. */
static rlim_t limit_of(double limit) {
	return limit < 0 || limit >= 0x1p64 ? RLIM_INFINITY : (rlim_t)limit;
}

static JSValue limit_out(JSContext *ctx, rlim_t limit) {
	return limit == RLIM_INFINITY ? JS_NewInt32(ctx, -1) : count_out(ctx, limit);
}

/* Fills a limit, unless it is to stay as it is. */
static int limit_in(JSContext *ctx, JSValueConst value, rlim_t *limit) {
	double number;
	if (JS_IsUndefined(value)) return 0;
	if (JS_ToFloat64(ctx, &number, value) < 0) return -1;
	*limit = limit_of(number);
	return 0;
}

static int has_group(const gid_t *groups, int count, gid_t group) {
	for (int i = 0; i < count; i++)
		if (groups[i] == group) return 1;
	return 0;
}

/* True when, with `gid` as its group, this process is in these groups and no others already. */
static int is_in_groups(const gid_t *groups, int count, gid_t gid) {
	gid_t ours[64];
	int size = getgroups(64, ours);
	if (size < 0) return 0; /* more than are ever asked for */
	for (int i = 0; i < size; i++)
		if (ours[i] != gid && !has_group(groups, count, ours[i])) return 0;
	for (int i = 0; i < count; i++)
		if (groups[i] != gid && !has_group(ours, size, groups[i])) return 0;
	return 1;
}

/* setids(uid, gid, groups) -> 0 | [errno, call] */
JSValue sys_setids(ARGS) {
	UNUSED_ARGS;
	gid_t groups[64];
	double uid, gid;
	int count = length_in(ctx, argv[2]);
	if (count > 64) return engine_throw_type(ctx, "%d groups", count);
	for (int i = 0; i < count; i++) groups[i] = (gid_t)number_at(ctx, argv[2], i);
	if (JS_ToFloat64(ctx, &uid, argv[0]) < 0 || JS_ToFloat64(ctx, &gid, argv[1]) < 0)
		return JS_EXCEPTION;
	if (setgroups((size_t)count, groups) < 0) {
		int error = errno;
		if (error != EPERM || !is_in_groups(groups, count, (gid_t)gid))
			return failure(ctx, error, "setgroups");
	}
	if (setgid((gid_t)gid) < 0) return failure(ctx, errno, "setgid");
	if (setuid((uid_t)uid) < 0) return failure(ctx, errno, "setuid");
	return JS_NewInt32(ctx, 0);
}

/* getrlimit(resource) -> [soft, hard] | -errno; -1 is no limit */
JSValue sys_getrlimit(ARGS) {
	UNUSED_ARGS;
	struct rlimit limit;
	if (getrlimit((unsigned)int_in(ctx, argv[0]), &limit) < 0) return outcome(ctx, -1);
	JSValue pair = JS_NewArray(ctx);
	JS_SetPropertyUint32(ctx, pair, 0, limit_out(ctx, limit.rlim_cur));
	JS_SetPropertyUint32(ctx, pair, 1, limit_out(ctx, limit.rlim_max));
	return pair;
}

/* setrlimit(resource, soft?, hard?) -> 0 | -errno; -1 is no limit */
JSValue sys_setrlimit(ARGS) {
	UNUSED_ARGS;
	struct rlimit limit;
	unsigned resource = (unsigned)int_in(ctx, argv[0]);
	if (getrlimit(resource, &limit) < 0) return outcome(ctx, -1);
	if (limit_in(ctx, argv[1], &limit.rlim_cur) < 0 || limit_in(ctx, argv[2], &limit.rlim_max) < 0)
		return JS_EXCEPTION;
	return outcome(ctx, setrlimit(resource, &limit));
}

/* getenv(name) -> bytes | null */
JSValue sys_getenv(ARGS) {
	UNUSED_ARGS;
	char *name = bytes_in(ctx, argv[0], NULL);
	if (!name) return JS_EXCEPTION;
	const char *value = getenv(name);
	give_scratch(ctx, name);
	return value ? bytes_out(ctx, value, strlen(value)) : JS_NULL;
}

/* setenv(name, value | null) -> 0 | -errno */
JSValue sys_setenv(ARGS) {
	UNUSED_ARGS;
	JSValue result = JS_EXCEPTION;
	char *name = bytes_in(ctx, argv[0], NULL);
	int removes = JS_IsNull(argv[1]);
	char *value = name && !removes ? bytes_in(ctx, argv[1], NULL) : NULL;
	if (value || (name && removes))
		result = outcome(ctx, removes ? unsetenv(name) : setenv(name, value, 1));
	give_scratch(ctx, value);
	give_scratch(ctx, name);
	return result;
}

/* environ() -> list of bytes */
JSValue sys_environ(ARGS) {
	UNUSED_ARGS;
	extern char **environ;
	JSValue list = JS_NewArray(ctx);
	for (uint32_t i = 0; environ && environ[i]; i++)
		JS_SetPropertyUint32(ctx, list, i, bytes_out(ctx, environ[i], strlen(environ[i])));
	return list;
}

/* nice(increment) -> 0 | -errno */
JSValue sys_nice(ARGS) {
	UNUSED_ARGS;
	errno = 0;
	(void)!nice(int_in(ctx, argv[0])); /* -1 is a level, too */
	return JS_NewInt32(ctx, -errno);
}

/* inherit(fd) -> 0 | -errno */
JSValue sys_inherit(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, fcntl(int_in(ctx, argv[0]), F_SETFD, 0));
}

#define LIMITS 16

struct exec {
	char *path, **argv, **env;
	struct limit {
		unsigned resource;
		struct rlimit before, wanted;
	} limits[LIMITS];
	int limit_count;
};

/* Fills the limits from pairs of a resource and a soft limit. */
static int limits_in(JSContext *ctx, JSValueConst pairs, struct exec *exec) {
	exec->limit_count = length_in(ctx, pairs) / 2;
	if (exec->limit_count > LIMITS) exec->limit_count = LIMITS;
	for (int i = 0; i < exec->limit_count; i++) {
		struct limit *limit = &exec->limits[i];
		rlim_t soft = limit_of(number_at(ctx, pairs, i * 2 + 1));
		limit->resource = (unsigned)int_at(ctx, pairs, i * 2);
		if (getrlimit(limit->resource, &limit->before) < 0) return -1;
		limit->wanted = limit->before;
		limit->wanted.rlim_cur = soft < limit->before.rlim_max ? soft : limit->before.rlim_max;
	}
	return 0;
}

/* Returns only when it cannot: the call that failed. Takes no memory, which may be none. */
static const char *exec_limited(struct exec *exec) {
	const char *failed = "setrlimit";
	int set = 0, error;
	sigset_t mask;
	kernel_sigmask(NULL, &mask);
	restore_signals();
	while (set < exec->limit_count &&
	       setrlimit(exec->limits[set].resource, &exec->limits[set].wanted) == 0)
		set++;
	if (set == exec->limit_count) {
		failed = "execve";
		execve(exec->path, exec->argv, exec->env);
	}
	error = errno;
	while (set-- > 0) setrlimit(exec->limits[set].resource, &exec->limits[set].before);
	ignore_signals();
	kernel_sigmask(&mask, NULL);
	errno = error;
	return failed;
}

/* execve(path, argv, env, limits) -> [errno, call] */
JSValue sys_execve(ARGS) {
	UNUSED_ARGS;
	struct exec exec = {0};
	JSValue result;
	if (!(exec.path = path_in(ctx, argv[0], &result)))
		return JS_IsException(result) ? result : failure(ctx, ENOENT, "execve");
	result = JS_EXCEPTION;
	if ((exec.argv = strings_in(ctx, argv[1])) && (exec.env = strings_in(ctx, argv[2]))) {
		const char *failed = "getrlimit";
		if (limits_in(ctx, argv[3], &exec) == 0) failed = exec_limited(&exec);
		result = failure(ctx, errno, failed);
	}
	if (exec.env) give_strings(ctx, exec.env);
	if (exec.argv) give_strings(ctx, exec.argv);
	give_scratch(ctx, exec.path);
	return result;
}
