/* The table of system calls, which become the frozen global `sys`; each is one function, in
 * files.c, wait.c, identity.c, process.c, boot.c or here. sys.d.ts documents them in the same
 * order; a test compares the two lists.
 *
 * A call that fails returns the negative errno, as the kernel itself does: posix.ts
 * turns what is not an expected outcome into a SysError. Only a wrong argument throws.
 * Strings are byte strings, one code unit 0-255 per byte, both ways (bytes_in, bytes_out). */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

/* fault(name) -> boolean */
static JSValue sys_fault(ARGS) {
	UNUSED_ARGS;
#ifdef TRINIT_FAULTS
	char *name = bytes_in(ctx, argv[0], NULL);
	if (!name) return JS_EXCEPTION;
	int armed = fault_armed(name);
	give_scratch(ctx, name);
	return JS_NewBool(ctx, armed);
#else
	return JS_FALSE;
#endif
}

/* collect() -> bytes freed by a run of the collector of cycles */
static JSValue sys_collect(ARGS) {
	UNUSED_ARGS;
	JSMemoryUsage before, after;
	JS_ComputeMemoryUsage(JS_GetRuntime(ctx), &before);
	JS_RunGC(JS_GetRuntime(ctx));
	JS_ComputeMemoryUsage(JS_GetRuntime(ctx), &after);
	return JS_NewInt64(ctx, before.malloc_size - after.malloc_size);
}

/* --- Clocks ------------------------------------------------------------------------------ */

/* monotonic() -> milliseconds */
static JSValue sys_monotonic(ARGS) {
	UNUSED_ARGS;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return JS_NewFloat64(ctx, (double)now.tv_sec * 1e3 + (double)(now.tv_nsec / 1000) / 1e3);
}

/* realtime() -> [seconds, nanoseconds] since 1970 */
static JSValue sys_realtime(ARGS) {
	UNUSED_ARGS;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
#ifdef TRINIT_FAULTS
	if (fault_armed("clock-back")) now.tv_sec -= 3600; /* as if somebody had set it */
	if (fault_armed("clock-forth")) now.tv_sec += 3600;
#endif
	JSValue pair = JS_NewArray(ctx);
	push_int(ctx, pair, 0, now.tv_sec);
	push_int(ctx, pair, 1, now.tv_nsec);
	return pair;
}

/* --- The one hot loop: a prefix before every line of a log ------------------------------- */

/* stamplines(input, from, to, output, prefix, midline, table?) -> [taken, made, midline] */
static JSValue sys_stamplines(ARGS) {
	UNUSED_ARGS;
	size_t input_size, output_size, prefix_size;
	uint8_t *input = range_in(ctx, this_val, 3, argv, &input_size);
	uint8_t *output = input ? buffer_in(ctx, argv[3], &output_size) : NULL;
	size_t table_size = 256;
	uint8_t *table = NULL;
	if (output && !JS_IsUndefined(argv[6]) && !JS_IsNull(argv[6])) {
		if (!(table = buffer_in(ctx, argv[6], &table_size))) return JS_EXCEPTION;
		int given = (int)table_size;
		if (given != 256) return engine_throw_type(ctx, "a table of %d bytes", given);
	}
	char *prefix = output ? bytes_in(ctx, argv[4], &prefix_size) : NULL;
	if (!prefix) return JS_EXCEPTION;
	int midline = JS_ToBool(ctx, argv[5]);
	const uint8_t *at = input, *end = input + input_size;
	uint8_t *out = output, *out_end = output + output_size;
	while (at < end) {
		const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((newline ? newline + 1 : end) - at);
		size_t head = midline ? 0 : prefix_size;
		if (head + size > (size_t)(out_end - out)) break; /* the rest is for the next call */
		memcpy(out, prefix, head);
		if (!table)
			memcpy(out + head, at, size);
		else
			for (size_t i = 0; i < size; i++) out[head + i] = table[at[i]];
		out += head + size;
		at += size;
		midline = !newline;
	}
	give_scratch(ctx, prefix);
	JSValue result = JS_NewArray(ctx);
	push_int(ctx, result, 0, at - input);
	push_int(ctx, result, 1, out - output);
	JS_SetPropertyUint32(ctx, result, 2, JS_NewBool(ctx, midline));
	return result;
}

/* How many bytes from there on are one character of UTF-8 that may stand for itself in a string of
 * JSON; 0: a byte is none, or U+F780 to U+F7FF, which stand for such bytes. */
static size_t character_at(const uint8_t *at, const uint8_t *end) {
	uint8_t first = at[0];
	if (first < 0x80) return 1;
	size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4 || (size_t)(end - at) < size) return 0;
	uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (at[1] < low || at[1] > high) return 0;
	for (size_t i = 2; i < size; i++)
		if (at[i] < 0x80 || at[i] > 0xbf) return 0;
	return first == 0xef && (at[1] == 0x9e || at[1] == 0x9f) ? 0 : size;
}

/* A text as the inside of a string of JSON, as core/json.ts has it: at most six times as long. */
static uint8_t *json_text(uint8_t *out, const uint8_t *at, const uint8_t *end) {
	static const char digits[] = "0123456789abcdef";
	while (at < end) {
		size_t size = character_at(at, end);
		if (size == 0 || *at < 0x20 || *at == 0x7f) {
			memcpy(out, size ? "\\u00" : "\\uf7", 4);
			out[4] = (uint8_t)digits[*at >> 4];
			out[5] = (uint8_t)digits[*at & 15];
			out += 6;
		} else {
			if (*at == '"' || *at == '\\') *out++ = '\\';
			for (size_t i = 0; i < size; i++) *out++ = at[i];
		}
		at += size ? size : 1;
	}
	return out;
}

/* jsonlines(input, from, to, output, head, tail) -> [taken, made] */
static JSValue sys_jsonlines(ARGS) {
	UNUSED_ARGS;
	size_t input_size, output_size, head_size, tail_size;
	uint8_t *input = range_in(ctx, this_val, 3, argv, &input_size);
	uint8_t *output = input ? buffer_in(ctx, argv[3], &output_size) : NULL;
	char *head = output ? bytes_in(ctx, argv[4], &head_size) : NULL;
	char *tail = head ? bytes_in(ctx, argv[5], &tail_size) : NULL;
	if (!tail) {
		give_scratch(ctx, head);
		return JS_EXCEPTION;
	}
	const uint8_t *at = input, *end = input + input_size, *newline;
	uint8_t *out = output, *out_end = output + output_size;
	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		size_t size = (size_t)(newline - at);
		if (head_size + 6 * size + tail_size > (size_t)(out_end - out)) break;
		memcpy(out, head, head_size);
		out = json_text(out + head_size, at, newline);
		memcpy(out, tail, tail_size);
		out += tail_size;
		at = newline + 1;
	}
	give_scratch(ctx, tail);
	give_scratch(ctx, head);
	JSValue result = JS_NewArray(ctx);
	push_int(ctx, result, 0, at - input);
	push_int(ctx, result, 1, out - output);
	return result;
}

/* --- The table --------------------------------------------------------------------------- */

#define SYS_CALL(name, arguments) JS_CFUNC_DEF(#name, arguments, sys_##name)
#define SYS_CONST(name) JS_PROP_INT32_DEF(#name, name, JS_PROP_ENUMERABLE)

/* struct utmp of glibc: musl's is the latter everywhere. */
#ifdef __x86_64__
#define UTMP_BYTES 384
#else
#define UTMP_BYTES 400
#endif

static const JSCFunctionListEntry sys_table[] = {
	SYS_CALL(fault, 1),
	SYS_CALL(collect, 0),
	SYS_CALL(open, 3),
	SYS_CALL(opennode, 3),
	SYS_CALL(openat, 3),
	SYS_CALL(close, 1),
	SYS_CALL(buffer, 1),
	SYS_CALL(read, 4),
	SYS_CALL(pread, 5),
	SYS_CALL(write, 4),
	SYS_CALL(pwrite, 3),
	SYS_CALL(splice, 4),
	SYS_CALL(freespace, 1),
	SYS_CALL(punch, 3),
	SYS_CALL(readfile, 3),
	SYS_CALL(readown, 3),
	SYS_CALL(isown, 1),
	SYS_CALL(fsync, 1),
	SYS_CALL(ftruncate, 2),
	SYS_CALL(fchmod, 2),
	SYS_CALL(chmod, 2),
	SYS_CALL(chown, 3),
	SYS_CALL(isatty, 1),
	SYS_CALL(flock, 2),
	SYS_CALL(lockfile, 1),
	SYS_CALL(pipe, 0),
	SYS_CALL(dup2, 2),
	SYS_CALL(stat, 1),
	SYS_CALL(lstat, 1),
	SYS_CALL(fstat, 1),
	SYS_CALL(fstype, 1),
	SYS_CALL(readlink, 1),
	SYS_CALL(getcwd, 0),
	SYS_CALL(readdir, 1),
	SYS_CALL(rename, 2),
	SYS_CALL(unlink, 1),
	SYS_CALL(unlinkat, 3),
	SYS_CALL(mkdir, 2),
	SYS_CALL(rmdir, 1),
	SYS_CALL(writable, 1),
	SYS_CALL(mkfifo, 2),
	SYS_CALL(chdir, 1),
	SYS_CALL(symlink, 2),
	SYS_CALL(poll, 2),
	SYS_CALL(epoll_create, 0),
	SYS_CALL(epoll_add, 2),
	SYS_CALL(epoll_wait, 1),
	SYS_CALL(signalfd, 2),
	SYS_CALL(readsignals, 2),
	SYS_CALL(inotify_init, 0),
	SYS_CALL(inotify_add_watch, 3),
	SYS_CALL(inotify_rm_watch, 2),
	SYS_CALL(readinotify, 1),
	SYS_CALL(dnotify, 1),
	SYS_CALL(getpid, 0),
	SYS_CALL(geteuid, 0),
	SYS_CALL(setsid, 0),
	SYS_CALL(setids, 3),
	SYS_CALL(getrlimit, 1),
	SYS_CALL(setrlimit, 3),
	SYS_CALL(getenv, 1),
	SYS_CALL(setenv, 2),
	SYS_CALL(environ, 0),
	SYS_CALL(nice, 1),
	SYS_CALL(chroot, 1),
	SYS_CALL(inherit, 1),
	SYS_CALL(execve, 4),
	SYS_CALL(kill, 2),
	SYS_CALL(waitpid, 2),
	SYS_CALL(pidfd_open, 1),
	SYS_CALL(pidfd_send_signal, 2),
	SYS_CALL(subreaper, 0),
	SYS_CALL(parentdeath, 1),
	SYS_CALL(foreground, 2),
	SYS_CALL(settitle, 1),
	SYS_CALL(retitle, 2),
	SYS_CALL(birth, 2),
	SYS_CALL(living, 1),
	SYS_CALL(fork, 3),
	SYS_CALL(spawn, 1),
	SYS_CALL(machine, 0),
	SYS_CALL(killall, 1),
	SYS_CALL(reboot, 1),
	SYS_CALL(sync, 1),
	SYS_CALL(mount, 5),
	SYS_CALL(umount, 2),
	SYS_CALL(swapoff, 1),
	SYS_CALL(reapall, 1),
	SYS_CALL(canwrite, 2),
	SYS_CALL(execfn, 0),
	SYS_CALL(become, 1),
	SYS_CALL(remember, 1),
	SYS_CALL(monotonic, 0),
	SYS_CALL(realtime, 0),
	SYS_CALL(stamplines, 7),
	SYS_CALL(jsonlines, 6),
	SYS_CALL(udpsocket, 0),
	SYS_CALL(sendto, 6),
	SYS_CONST(O_RDONLY), SYS_CONST(O_WRONLY), SYS_CONST(O_RDWR), SYS_CONST(O_CREAT),
	SYS_CONST(O_TRUNC), SYS_CONST(O_EXCL), SYS_CONST(O_APPEND), SYS_CONST(O_NONBLOCK),
	SYS_CONST(O_DIRECTORY), SYS_CONST(O_NOFOLLOW), SYS_CONST(O_PATH), SYS_CONST(AT_REMOVEDIR),
	SYS_CONST(LOCK_EX), SYS_CONST(LOCK_NB), SYS_CONST(LOCK_SH), SYS_CONST(LOCK_UN),
	SYS_CONST(WNOHANG),
	SYS_CONST(WUNTRACED),
	SYS_CONST(UTMP_BYTES),
	SYS_CONST(RLIMIT_AS), SYS_CONST(RLIMIT_CORE), SYS_CONST(RLIMIT_CPU), SYS_CONST(RLIMIT_DATA),
	SYS_CONST(RLIMIT_FSIZE), SYS_CONST(RLIMIT_MEMLOCK), SYS_CONST(RLIMIT_NOFILE),
	SYS_CONST(RLIMIT_NPROC), SYS_CONST(RLIMIT_RSS), SYS_CONST(RLIMIT_STACK),
	SYS_CONST(IN_CREATE), SYS_CONST(IN_DELETE), SYS_CONST(IN_MOVED_FROM), SYS_CONST(IN_MOVED_TO),
	SYS_CONST(IN_DELETE_SELF), SYS_CONST(IN_MOVE_SELF), SYS_CONST(IN_CLOSE_WRITE),
	SYS_CONST(IN_CLOSE_NOWRITE), SYS_CONST(IN_ATTRIB), SYS_CONST(IN_ONLYDIR),
	SYS_CONST(IN_IGNORED), SYS_CONST(IN_Q_OVERFLOW), SYS_CONST(IN_DONT_FOLLOW),
	SYS_CONST(IN_MASK_ADD),
	SYS_CONST(RB_AUTOBOOT), SYS_CONST(RB_POWER_OFF), SYS_CONST(RB_HALT_SYSTEM),
	SYS_CONST(RB_DISABLE_CAD), SYS_CONST(MS_RDONLY), SYS_CONST(MS_NOSUID), SYS_CONST(MS_NODEV),
	SYS_CONST(MS_NOEXEC), SYS_CONST(MS_REMOUNT), SYS_CONST(MNT_DETACH),
};

int sys_install(JSContext *ctx) {
	sigemptyset(&handled);
	JSValue global = JS_GetGlobalObject(ctx), sys = JS_NewObject(ctx);
	JS_SetPropertyFunctionList(ctx, sys, sys_table, sizeof sys_table / sizeof *sys_table);
	/* Freezing also makes every function now, which the engine would put off until it is first
	 * looked at: once for all forked children. */
	JSValue object = JS_GetPropertyStr(ctx, global, "Object");
	JSValue freeze = JS_GetPropertyStr(ctx, object, "freeze");
	JSValue frozen = JS_Call(ctx, freeze, object, 1, &sys);
	int result = JS_IsException(frozen) ? -1 : JS_SetPropertyStr(ctx, global, "sys", sys);
	JS_FreeValue(ctx, frozen);
	JS_FreeValue(ctx, freeze);
	JS_FreeValue(ctx, object);
	JS_FreeValue(ctx, global);
	return result < 0 ? -1 : 0;
}
