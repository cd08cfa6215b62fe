/* The system calls, one function each, as the frozen global `sys`. sys.d.ts documents
 * them in the same order; a test compares the two lists.
 *
 * A call that fails returns the negative errno, as the kernel itself does: posix.ts
 * turns what is not an expected outcome into a SysError. Only a wrong argument throws.
 * Strings are byte strings, one code unit 0-255 per byte, both ways (bytes_in, bytes_out). */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
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

/* --- Files ------------------------------------------------------------------------ */

/* musl's open() sets close-on-exec a second time, for kernels older than any we run on. */
static int raw_open(const char *path, int flags, int mode) {
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC | O_NOCTTY, mode);
}

/* open(path, flags, mode) -> fd | -errno */
static JSValue sys_open(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	result = outcome(ctx, raw_open(path, int_in(ctx, argv[1]), int_in(ctx, argv[2])));
	give_scratch(ctx, path);
	return result;
}

/* close(fd) -> 0 | -errno */
static JSValue sys_close(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, close(int_in(ctx, argv[0])));
}

/* read(fd, buffer, from, to) -> bytes | -errno */
static JSValue sys_read(ARGS) {
	size_t size;
	uint8_t *data = range_in(ctx, this_val, argc - 1, argv + 1, &size);
	if (!data) return JS_EXCEPTION;
	return outcome(ctx, read(int_in(ctx, argv[0]), data, size));
}

/* pread(fd, buffer, from, to, offset) -> bytes | -errno */
static JSValue sys_pread(ARGS) {
	size_t size;
	double offset;
	uint8_t *data = range_in(ctx, this_val, argc - 1, argv + 1, &size);
	if (!data || JS_ToFloat64(ctx, &offset, argv[4]) < 0) return JS_EXCEPTION;
	return outcome(ctx, pread(int_in(ctx, argv[0]), data, size, (off_t)offset));
}

/* write(fd, bytes: string | buffer, from?, to?) -> bytes | -errno */
static JSValue sys_write(ARGS) {
	size_t size;
	if (JS_IsString(argv[1])) {
		char *bytes = bytes_in(ctx, argv[1], &size);
		if (!bytes) return JS_EXCEPTION;
		JSValue result = outcome(ctx, write(int_in(ctx, argv[0]), bytes, size));
		give_scratch(ctx, bytes);
		return result;
	}
	uint8_t *data = range_in(ctx, this_val, argc - 1, argv + 1, &size);
	if (!data) return JS_EXCEPTION;
	FAULT("write", ENOSPC);
	return outcome(ctx, write(int_in(ctx, argv[0]), data, size));
}

/* pwrite(fd, bytes: string, offset) -> bytes | -errno */
static JSValue sys_pwrite(ARGS) {
	UNUSED_ARGS;
	size_t size;
	double offset;
	if (JS_ToFloat64(ctx, &offset, argv[2]) < 0) return JS_EXCEPTION;
	char *bytes = bytes_in(ctx, argv[1], &size);
	if (!bytes) return JS_EXCEPTION;
	JSValue result = outcome(ctx, pwrite(int_in(ctx, argv[0]), bytes, size, (off_t)offset));
	give_scratch(ctx, bytes);
	return result;
}

/* splice(from, to, offset, size) -> bytes | -errno */
static JSValue sys_splice(ARGS) {
	UNUSED_ARGS;
	double offset;
	if (JS_ToFloat64(ctx, &offset, argv[2]) < 0) return JS_EXCEPTION;
	FAULT("splice", EINVAL);
	loff_t place = (loff_t)offset;
	return outcome(ctx, splice(int_in(ctx, argv[0]), NULL, int_in(ctx, argv[1]), &place,
	                           (size_t)int_in(ctx, argv[3]), SPLICE_F_NONBLOCK));
}

/* readfile(path, max) -> bytes | -errno */
static JSValue sys_readfile(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	int fd = raw_open(path, O_RDONLY | O_NONBLOCK, 0);
	give_scratch(ctx, path);
	if (fd < 0) return outcome(ctx, -1);
	size_t max = (size_t)int_in(ctx, argv[1]), size = 0;
	char *bytes = take_scratch(ctx, max + 1);
	ssize_t got = bytes ? 1 : 0;
	while (bytes && size < max && (got = read(fd, bytes + size, max - size)) > 0) size += (size_t)got;
	result = !bytes ? JS_EXCEPTION : got < 0 ? outcome(ctx, -1) : bytes_out(ctx, bytes, size);
	give_scratch(ctx, bytes);
	close(fd);
	return result;
}

/* fsync(fd) -> 0 | -errno */
static JSValue sys_fsync(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, fsync(int_in(ctx, argv[0])));
}

/* ftruncate(fd, size) -> 0 | -errno */
static JSValue sys_ftruncate(ARGS) {
	UNUSED_ARGS;
	double size;
	if (JS_ToFloat64(ctx, &size, argv[1]) < 0) return JS_EXCEPTION;
	return outcome(ctx, ftruncate(int_in(ctx, argv[0]), (off_t)size));
}

/* fchmod(fd, mode) -> 0 | -errno */
static JSValue sys_fchmod(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, fchmod(int_in(ctx, argv[0]), (mode_t)int_in(ctx, argv[1])));
}

/* flock(fd, operation) -> 0 | -errno */
static JSValue sys_flock(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, flock(int_in(ctx, argv[0]), int_in(ctx, argv[1])));
}

/* pipe() -> [readFd, writeFd] | -errno */
static JSValue sys_pipe(ARGS) {
	UNUSED_ARGS;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0) return outcome(ctx, -1);
	JSValue pair = JS_NewArray(ctx);
	push_int(ctx, pair, 0, ends[0]);
	push_int(ctx, pair, 1, ends[1]);
	return pair;
}

/* pipesize(fd, size) -> size | -errno */
static JSValue sys_pipesize(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, fcntl(int_in(ctx, argv[0]), F_SETPIPE_SZ, int_in(ctx, argv[1])));
}

/* dup2(from, to) -> to | -errno */
static JSValue sys_dup2(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, dup2(int_in(ctx, argv[0]), int_in(ctx, argv[1])));
}

static JSValue stat_out(JSContext *ctx, int result, const struct stat *st) {
	if (result < 0) return outcome(ctx, -1);
	JSValue object = JS_NewObject(ctx);
	JS_SetPropertyStr(ctx, object, "dev", JS_NewInt64(ctx, (int64_t)st->st_dev));
	JS_SetPropertyStr(ctx, object, "ino", JS_NewInt64(ctx, (int64_t)st->st_ino));
	JS_SetPropertyStr(ctx, object, "mode", JS_NewInt32(ctx, (int32_t)st->st_mode));
	JS_SetPropertyStr(ctx, object, "uid", JS_NewInt64(ctx, st->st_uid));
	JS_SetPropertyStr(ctx, object, "gid", JS_NewInt64(ctx, st->st_gid));
	JS_SetPropertyStr(ctx, object, "size", JS_NewInt64(ctx, st->st_size));
	return object;
}

/* stat(path) -> {dev, ino, mode, uid, gid, size} | -errno */
static JSValue sys_stat(ARGS) {
	UNUSED_ARGS;
	struct stat st;
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	int code = stat(path, &st);
	give_scratch(ctx, path);
	return stat_out(ctx, code, &st);
}

/* lstat(path) -> as stat */
static JSValue sys_lstat(ARGS) {
	UNUSED_ARGS;
	struct stat st;
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	int code = lstat(path, &st);
	give_scratch(ctx, path);
	return stat_out(ctx, code, &st);
}

/* fstat(fd) -> as stat */
static JSValue sys_fstat(ARGS) {
	UNUSED_ARGS;
	struct stat st;
	int code = fstat(int_in(ctx, argv[0]), &st);
	return stat_out(ctx, code, &st);
}

/* fstype(path) -> magic | -errno */
static JSValue sys_fstype(ARGS) {
	UNUSED_ARGS;
	struct statfs fs;
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	int code = statfs(path, &fs);
	give_scratch(ctx, path);
	return code < 0 ? outcome(ctx, -1) : JS_NewInt64(ctx, (uint32_t)fs.f_type);
}

/* readlink(path) -> target | -errno */
static JSValue sys_readlink(ARGS) {
	UNUSED_ARGS;
	char target[4096];
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	ssize_t size = readlink(path, target, sizeof target);
	give_scratch(ctx, path);
	return size < 0 ? outcome(ctx, -1) : bytes_out(ctx, target, (size_t)size);
}

/* readdir(path) -> names, without . and .., in no order | -errno */
static JSValue sys_readdir(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	DIR *dir = opendir(path);
	give_scratch(ctx, path);
	if (!dir) return outcome(ctx, -1);
	JSValue names = JS_NewArray(ctx);
	uint32_t count = 0;
	struct dirent *entry;
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
		JS_SetPropertyUint32(ctx, names, count++, bytes_out(ctx, name, strlen(name)));
	}
	if (errno) { /* half a listing would look like services that were removed */
		JS_FreeValue(ctx, names);
		names = outcome(ctx, -1);
	}
	closedir(dir);
	return names;
}

/* rename(from, to) -> 0 | -errno */
static JSValue sys_rename(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *from = path_in(ctx, argv[0], &result);
	if (!from) return result;
	char *to = path_in(ctx, argv[1], &result);
	if (to) result = outcome(ctx, rename(from, to));
	give_scratch(ctx, from);
	give_scratch(ctx, to);
	return result;
}

/* The calls on one path and at most one number, which differ in nothing else. */
#define PATH_CALL(name, call) \
	static JSValue sys_##name(ARGS) { \
		UNUSED_ARGS; \
		JSValue result; \
		char *path = path_in(ctx, argv[0], &result); \
		if (!path) return result; \
		mode_t mode = argc > 1 ? (mode_t)int_in(ctx, argv[1]) : 0; \
		(void)mode; \
		result = outcome(ctx, call); \
		give_scratch(ctx, path); \
		return result; \
	}
/* unlink(path), mkdir(path, mode), mkfifo(path, mode), chdir(path) -> 0 | -errno */
PATH_CALL(unlink, unlink(path))
PATH_CALL(mkdir, mkdir(path, mode))
PATH_CALL(mkfifo, mkfifo(path, mode))
PATH_CALL(chdir, chdir(path))

/* symlink(target, path) -> 0 | -errno */
static JSValue sys_symlink(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *target = path_in(ctx, argv[0], &result);
	if (!target) return result;
	char *path = path_in(ctx, argv[1], &result);
	if (path) result = outcome(ctx, symlink(target, path));
	give_scratch(ctx, target);
	give_scratch(ctx, path);
	return result;
}

/* umask(mode) -> the mask before */
static JSValue sys_umask(ARGS) {
	UNUSED_ARGS;
	return JS_NewInt32(ctx, (int)umask((mode_t)int_in(ctx, argv[0])));
}

/* --- Waiting ------------------------------------------------------------------------ */

/* poll(fds, milliseconds) -> the fds that are ready | -errno */
static JSValue sys_poll(ARGS) {
	UNUSED_ARGS;
	struct pollfd fds[64];
	int count = length_in(ctx, argv[0]);
	if (count > 64) return engine_throw_type(ctx, "poll on %d descriptors", count);
	for (int i = 0; i < count; i++)
		fds[i] = (struct pollfd){.fd = int_at(ctx, argv[0], i), .events = POLLIN};
	if (poll(fds, (nfds_t)count, int_in(ctx, argv[1])) < 0) return outcome(ctx, -1);
	JSValue ready = JS_NewArray(ctx);
	uint32_t used = 0;
	for (int i = 0; i < count; i++)
		if (fds[i].revents) push_int(ctx, ready, used++, fds[i].fd);
	return ready;
}

/* signalfd(signals) -> fd | -errno */
static JSValue sys_signalfd(ARGS) {
	UNUSED_ARGS;
	sigemptyset(&handled);
	int count = length_in(ctx, argv[0]);
	for (int i = 0; i < count; i++) sigaddset(&handled, int_at(ctx, argv[0], i));
	sigprocmask(SIG_BLOCK, &handled, NULL);
	/* An ignored signal is never pending: one that we read must not be ignored. */
	for (int i = 0; i < count; i++) signal(int_at(ctx, argv[0], i), SIG_DFL);
	return outcome(ctx, signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
}

/* readsignals(fd) -> signal numbers, [] when there are none | -errno */
static JSValue sys_readsignals(ARGS) {
	UNUSED_ARGS;
	struct signalfd_siginfo infos[4];
	ssize_t size = read(int_in(ctx, argv[0]), infos, sizeof infos);
	if (size < 0 && errno != EAGAIN) return outcome(ctx, -1);
	JSValue numbers = JS_NewArray(ctx);
	for (uint32_t i = 0; size > 0 && i < (size_t)size / sizeof *infos; i++)
		push_int(ctx, numbers, i, (int)infos[i].ssi_signo);
	return numbers;
}

/* inotify_init() -> fd | -errno */
static JSValue sys_inotify_init(ARGS) {
	UNUSED_ARGS;
	FAULT("inotify_init", EMFILE);
	return outcome(ctx, inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
}

/* inotify_add_watch(fd, path, mask) -> watch | -errno */
static JSValue sys_inotify_add_watch(ARGS) {
	UNUSED_ARGS;
	FAULT("inotify_add_watch", ENOSPC);
	JSValue result;
	char *path = path_in(ctx, argv[1], &result);
	if (!path) return result;
	uint32_t mask = (uint32_t)int_in(ctx, argv[2]);
	result = outcome(ctx, inotify_add_watch(int_in(ctx, argv[0]), path, mask));
	give_scratch(ctx, path);
	return result;
}

/* inotify_rm_watch(fd, watch) -> 0 | -errno */
static JSValue sys_inotify_rm_watch(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, inotify_rm_watch(int_in(ctx, argv[0]), int_in(ctx, argv[1])));
}

/* readinotify(fd) -> [watch, mask, name, watch, mask, name, ...] | -errno */
static JSValue sys_readinotify(ARGS) {
	UNUSED_ARGS;
	char events[16384] __attribute__((aligned(8)));
	ssize_t size = read(int_in(ctx, argv[0]), events, sizeof events);
	if (size < 0 && errno != EAGAIN) return outcome(ctx, -1);
	JSValue list = JS_NewArray(ctx);
	uint32_t used = 0;
	for (char *at = events; size > 0 && at < events + size;) {
		struct inotify_event *event = (struct inotify_event *)at;
		push_int(ctx, list, used++, event->wd);
		push_int(ctx, list, used++, (int32_t)event->mask);
		size_t length = event->len ? strlen(event->name) : 0;
		JS_SetPropertyUint32(ctx, list, used++, bytes_out(ctx, event->name, length));
		at += sizeof *event + event->len;
	}
	return list;
}

/* dnotify(fd) -> 0 | -errno */
static JSValue sys_dnotify(ARGS) {
	UNUSED_ARGS;
	FAULT("dnotify", EINVAL);
	return outcome(ctx, fcntl(int_in(ctx, argv[0]), F_NOTIFY, DN_RENAME | DN_DELETE | DN_MULTISHOT));
}

/* --- Clocks --------------------------------------------------------------------------------- */

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
	JSValue pair = JS_NewArray(ctx);
	push_int(ctx, pair, 0, now.tv_sec);
	push_int(ctx, pair, 1, now.tv_nsec);
	return pair;
}

/* --- The one hot loop: a prefix before every line of a log ------------------------------------ */

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
		if (table_size != 256) return engine_throw_type(ctx, "a table of %d bytes", (int)table_size);
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

/* --- The table ---------------------------------------------------------------------------------------- */

#define SYS_CALL(name, arguments) JS_CFUNC_DEF(#name, arguments, sys_##name)
#define SYS_CONST(name) JS_PROP_INT32_DEF(#name, name, JS_PROP_ENUMERABLE)

static const JSCFunctionListEntry sys_table[] = {
	SYS_CALL(fault, 1),
	SYS_CALL(collect, 0),
	SYS_CALL(open, 3),
	SYS_CALL(close, 1),
	SYS_CALL(read, 4),
	SYS_CALL(pread, 5),
	SYS_CALL(write, 4),
	SYS_CALL(pwrite, 3),
	SYS_CALL(splice, 4),
	SYS_CALL(readfile, 2),
	SYS_CALL(fsync, 1),
	SYS_CALL(ftruncate, 2),
	SYS_CALL(fchmod, 2),
	SYS_CALL(flock, 2),
	SYS_CALL(pipe, 0),
	SYS_CALL(pipesize, 2),
	SYS_CALL(dup2, 2),
	SYS_CALL(stat, 1),
	SYS_CALL(lstat, 1),
	SYS_CALL(fstat, 1),
	SYS_CALL(fstype, 1),
	SYS_CALL(readlink, 1),
	SYS_CALL(readdir, 1),
	SYS_CALL(rename, 2),
	SYS_CALL(unlink, 1),
	SYS_CALL(mkdir, 2),
	SYS_CALL(mkfifo, 2),
	SYS_CALL(chdir, 1),
	SYS_CALL(symlink, 2),
	SYS_CALL(umask, 1),
	SYS_CALL(poll, 2),
	SYS_CALL(signalfd, 1),
	SYS_CALL(readsignals, 1),
	SYS_CALL(inotify_init, 0),
	SYS_CALL(inotify_add_watch, 3),
	SYS_CALL(inotify_rm_watch, 2),
	SYS_CALL(readinotify, 1),
	SYS_CALL(dnotify, 1),
	SYS_CALL(getpid, 0),
	SYS_CALL(geteuid, 0),
	SYS_CALL(kill, 2),
	SYS_CALL(waitpid, 2),
	SYS_CALL(pidfd_open, 1),
	SYS_CALL(subreaper, 0),
	SYS_CALL(setsid, 0),
	SYS_CALL(setids, 3),
	SYS_CALL(getrlimit, 1),
	SYS_CALL(setrlimit, 3),
	SYS_CALL(exit, 1),
	SYS_CALL(getenv, 1),
	SYS_CALL(settitle, 1),
	SYS_CALL(birth, 1),
	SYS_CALL(fork, 3),
	SYS_CALL(spawn, 1),
	SYS_CALL(monotonic, 0),
	SYS_CALL(realtime, 0),
	SYS_CALL(stamplines, 7),
	SYS_CONST(O_RDONLY), SYS_CONST(O_WRONLY), SYS_CONST(O_RDWR), SYS_CONST(O_CREAT),
	SYS_CONST(O_TRUNC), SYS_CONST(O_EXCL), SYS_CONST(O_APPEND), SYS_CONST(O_NONBLOCK),
	SYS_CONST(LOCK_EX), SYS_CONST(LOCK_NB), SYS_CONST(WNOHANG), SYS_CONST(RLIMIT_NOFILE),
	SYS_CONST(IN_CREATE), SYS_CONST(IN_DELETE), SYS_CONST(IN_MOVED_FROM), SYS_CONST(IN_MOVED_TO),
	SYS_CONST(IN_DELETE_SELF), SYS_CONST(IN_MOVE_SELF), SYS_CONST(IN_CLOSE_WRITE),
	SYS_CONST(IN_CLOSE_NOWRITE), SYS_CONST(IN_ATTRIB), SYS_CONST(IN_ONLYDIR),
	SYS_CONST(IN_IGNORED), SYS_CONST(IN_Q_OVERFLOW),
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
