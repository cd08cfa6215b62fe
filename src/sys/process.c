/* Processes: their terminal, their identities, titles, and the two ways to make one. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys.h"

#ifdef TRINIT_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* --- The terminal ------------------------------------------------------------------------ */

/* The terminal of our session, if `from` is in its foreground, is given to `to`. Signals are
 * blocked: who is in the background would be stopped for it. */
static int hand_terminal(pid_t from, pid_t to) {
	pid_t foreground;
	int fd = 0;
	while (fd < 3 && ioctl(fd, TIOCGPGRP, &foreground) < 0) fd++;
	if (fd < 3 && foreground == from) return ioctl(fd, TIOCSPGRP, &to);
	errno = fd < 3 ? EPERM : ENOTTY;
	return -1;
}

/* foreground(from, to) -> 0 | -errno */
JSValue sys_foreground(ARGS) {
	UNUSED_ARGS;
	pid_t from = int_in(ctx, argv[0]), to = int_in(ctx, argv[1]);
	return outcome(ctx, hand_terminal(from ? from : getpgrp(), to ? to : getpgrp()));
}

static const sigset_t all_signals = {{-1UL}};

#define FORK_MAX 1000 /* limits.ts: runsvAtOnce */

/* --- Titles: what ps, pgrep and pidof show ----------------------------------------------- */

/* A small file as a string, and whose it is; -1 where it cannot be read, or is no plain file: who
 * may write into a supervise/ shall not hold up who looks there. */
static int read_small(const char *path, char *text, size_t size, uid_t *owner) {
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0) return -1;
	ssize_t got = -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
		got = read(fd, text, size - 1);
	close(fd);
	text[got > 0 ? got : 0] = 0;
	if (owner) *owner = st.st_uid;
	return got > 0 ? 0 : -1;
}

/* A proc(5) stat from its third field on; NULL when it is none. */
static const char *after_name(const char *stat) {
	const char *paren = strrchr(stat, ')');
	return paren && paren[1] == ' ' ? paren + 2 : NULL;
}

/* The stat of a process, or with 0 our own, from its third field on; NULL where there is none. */
static const char *stat_of(int pid, char *text, size_t size) {
	char path[32] = "/proc/self/stat";
	if (pid) snprintf(path, sizeof path, "/proc/%d/stat", pid);
	return read_small(path, text, size, NULL) < 0 ? NULL : after_name(text);
}

/* Field `number` of proc(5)'s list, which counts from 1. */
static unsigned long stat_field(const char *from_third, int number) {
	const char *at = from_third;
	for (int i = 3; i < number && at; i++) at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL;
	return at ? strtoul(at, NULL, 10) : 0;
}

/* A new place for the command line: works at any length, also with no environment. */
static int move_title(const char *title, size_t size) {
	char text[1024];
	const char *stat = stat_of(0, text, sizeof text);
	if (!stat) return -1;
	char *area = memcpy(heap_title(), title, size);
	struct prctl_mm_map map = {
		.start_code = stat_field(stat, 26), .end_code = stat_field(stat, 27),
		.start_data = stat_field(stat, 45), .end_data = stat_field(stat, 46),
		.start_brk = stat_field(stat, 47), .brk = (uintptr_t)syscall(SYS_brk, 0),
		.start_stack = stat_field(stat, 28),
		.arg_start = (uintptr_t)area, .arg_end = (uintptr_t)area + size,
		.env_start = stat_field(stat, 50), .env_end = stat_field(stat, 51),
		.exe_fd = (uint32_t)-1,
	};
#ifdef TRINIT_FAULTS
	if (!fault_armed("title"))
#endif
		if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0) return 0;
	/* A kernel built without checkpoints: one end after the other, the lower one first. */
	if (prctl(PR_SET_MM, PR_SET_MM_ARG_START, map.arg_start, 0, 0) < 0) return -1;
	return prctl(PR_SET_MM, PR_SET_MM_ARG_END, map.arg_end, 0, 0);
}

/* Sets the name and the command line to argv, whose strings are joined by NULs. */
static void set_title(const char *title, size_t size) {
	prctl(PR_SET_NAME, title);
	if (move_title(title, size) == 0 || start.title_size == 0) return;
	size_t used = size < start.title_size ? size : start.title_size;
	memset(start.title, 0, start.title_size);
	memcpy(start.title, title, used);
	start.title[start.title_size - 1] = 0;
}

/* The strings of an array, each with its NUL, one behind the other, cut at `max` bytes; the
 * size, or 0 with an exception. */
static size_t joined_in(JSContext *ctx, JSValueConst array, char *joined, size_t max) {
	size_t size = 0, length;
	int count = length_in(ctx, array);
	for (int i = 0; i < count; i++) {
		JSValue item = JS_GetPropertyUint32(ctx, array, (uint32_t)i);
		char *bytes = bytes_in(ctx, item, &length);
		JS_FreeValue(ctx, item);
		if (!bytes) return 0;
		size_t used = length + 1 < max - size ? length + 1 : max - size;
		memcpy(joined + size, bytes, used);
		size += used;
		give_scratch(ctx, bytes);
	}
	if (size > 0) joined[size - 1] = 0;
	return size;
}

/* Sets the title to the words of an array; not inlined, so that its room is soon free again. */
__attribute__((noinline)) static int set_words(JSContext *ctx, JSValueConst words) {
	char title[TITLE_MAX];
	size_t size = joined_in(ctx, words, title, sizeof title);
	if (size > 0) set_title(title, size);
	return size > 0 ? 0 : -1;
}

/* settitle(words) -> 0 */
JSValue sys_settitle(ARGS) {
	UNUSED_ARGS;
	return set_words(ctx, argv[0]) < 0 ? JS_EXCEPTION : JS_NewInt32(ctx, 0);
}

/* retitle(at, bytes) -> 0; the last byte stays NUL, which the kernel looks for */
JSValue sys_retitle(ARGS) {
	UNUSED_ARGS;
	size_t size, at = (size_t)int_in(ctx, argv[0]);
	char *bytes = bytes_in(ctx, argv[1], &size);
	if (!bytes) return JS_EXCEPTION;
	if (at < start.title_size && size < start.title_size - at)
		memcpy(start.title + at, bytes, size);
	give_scratch(ctx, bytes);
	return JS_NewInt32(ctx, 0);
}

/* --- fork and spawn ---------------------------------------------------------------------- */

static int close_between(int from, int to) {
	if (from > to) return 0;
#ifdef TRINIT_FAULTS
	if (fault_armed("close_range")) return -1;
#endif
	return (int)syscall(SYS_close_range, from, to, 0);
}

/* Closes every descriptor above 2 but `keep`, which is sorted. */
static void close_others(const int *keep, int count) {
	int from = 3, failed = 0;
	for (int i = 0; i < count; i++) {
		if (close_between(from, keep[i] - 1) < 0) failed = 1;
		if (keep[i] >= from) from = keep[i] + 1;
	}
	if (close_between(from, 0x7fffffff) < 0) failed = 1;
	if (!failed) return;
	struct rlimit limit; /* Linux < 5.9, or a seccomp profile older than the call */
	int max = getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 1024 : (int)limit.rlim_max;
	if (max < 0 || max > 65536) max = 65536;
	for (int fd = 3; fd < max; fd++) {
		int kept = 0;
		for (int i = 0; i < count; i++) kept |= keep[i] == fd;
		if (!kept) close(fd);
	}
}

static int compare_ints(const void *a, const void *b) {
	return *(const int *)a - *(const int *)b;
}

int keeps_heap;
static int is_forked;

/* In the child: what it keeps open, its title, and then main(index), whose exit code is its. The
 * parent's signals stay blocked until signalfd() says which are this program's: one that comes
 * before is read then, and does not end a supervisor before it has begun. */
static void run_forked(JSContext *ctx, JSValueConst *argv, int index) {
	int keep[4];
	is_forked = 1, keeps_heap = 0;
	JSValue words = JS_GetPropertyUint32(ctx, argv[1], (uint32_t)index);
	JSValue fds = JS_GetPropertyUint32(ctx, argv[2], (uint32_t)index);
	int count = length_in(ctx, fds) < 4 ? length_in(ctx, fds) : 4;
	for (int i = 0; i < count; i++) keep[i] = int_at(ctx, fds, i);
	qsort(keep, (size_t)count, sizeof *keep, compare_ints);
	close_others(keep, count);
	set_words(ctx, words);
	JS_FreeValue(ctx, words);
	JS_FreeValue(ctx, fds);
	JSValue argument = JS_NewInt32(ctx, index);
	JSValue result = JS_Call(ctx, argv[0], JS_UNDEFINED, 1, &argument);
	_exit(run_program(ctx, result, heap_title()));
}

/* fork(main, argvs, keepFds) -> pids, -errno for those that failed; child i calls main(i) and
 * is gone. Many in one call share more: between two forks nothing here touches the heap. */
JSValue sys_fork(ARGS) {
	UNUSED_ARGS;
	int count = length_in(ctx, argv[1]);
	if (count < 1 || count > FORK_MAX) return engine_throw_type(ctx, "fork of %d children", count);
	pid_t pids[count]; /* no more than needed: this frame stays as long as a child */
	if (!is_forked) heap_freeze();
	keeps_heap |= !is_forked;
	for (int i = 0; i < count; i++) {
		errno = EAGAIN;
#ifdef TRINIT_FAULTS
		pids[i] = fault_armed("fork") ? -1 : fork();
#else
		pids[i] = fork();
#endif
		if (pids[i] == 0) run_forked(ctx, argv, i);
		if (pids[i] < 0) pids[i] = -errno;
	}
	JSValue result = JS_NewArray(ctx);
	for (int i = 0; i < count; i++) push_int(ctx, result, (uint32_t)i, pids[i]);
	return result;
}

#define SPAWN_FDS 8
#define SPAWN_STACK 8192

struct spawn {
	char *path, **argv, **env, **own_env, *cwd, *birth;
	int fds[SPAWN_FDS];
	int fd_count;
	int session, foreground, tells_pid;
	pid_t group; /* the one before `foreground` */
	char *tty;
	const char *failed; /* the call that failed in the child, which shares our memory */
	int error;
};

#define BIRTH_SIZE 112
static const char boot_id_file[] = "/proc/sys/kernel/random/boot_id";

/* A record to be written in place, which a full disk takes. What somebody else has left there would
 * not be believed, and goes. */
static int open_record(const char *path) {
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0644);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    st.st_uid == geteuid())
		return fd;
	if (fd >= 0) close(fd);
	unlink(path);
	return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

/* Who a process is, for its supervisor's successor: pid, start time in clock ticks since boot,
 * and which boot, which together name one process for ever. A child writes it before exec, so no
 * program runs that it does not tell of; a failure only costs the takeover. `child` is one of
 * ours, whose number nobody else gets before we have reaped it; 0: this process. */
static int write_birth(const char *path, int child) {
	char text[1024], boot[64], line[BIRTH_SIZE + 1];
	const char *stat = stat_of(child, text, sizeof text);
	if (!stat || (child && stat_field(stat, 4) != (unsigned long)getpid())) return -1;
	if (read_small(boot_id_file, boot, sizeof boot, NULL) < 0) return -1;
	boot[strcspn(boot, "\n")] = 0;
	/* One length, in place: a full disk takes that, once the file is there. */
	int pid = child ? child : getpid();
	snprintf(line, sizeof line, "%d %lu %-*s\n", pid, stat_field(stat, 22), 64, boot);
	size_t size = BIRTH_SIZE;
	memset(line + strlen(line), '\n', size - strlen(line));
	int fd = open_record(path);
	if (fd < 0) return -1;
	int written = write(fd, line, size) == (ssize_t)size;
	close(fd);
	return written ? 0 : -1;
}

/* living(path) -> pid | 0 */
JSValue sys_living(ARGS) {
	UNUSED_ARGS;
	char record[128], boot[64], recorded_boot[64], proc[64], text[1024];
	unsigned long start;
	uid_t owner;
	int pid, found = 0;
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	int got = read_small(path, record, sizeof record, &owner);
	give_scratch(ctx, path);
	if (got < 0 || sscanf(record, "%d %lu %63s", &pid, &start, recorded_boot) != 3)
		return JS_NewInt32(ctx, 0);
	snprintf(proc, sizeof proc, "/proc/%d/stat", pid);
	if (read_small(proc, text, sizeof text, NULL) == 0 &&
	    read_small(boot_id_file, boot, sizeof boot, NULL) == 0) {
		const char *stat = after_name(text);
		boot[strcspn(boot, "\n")] = 0;
		/* Who else may write there would name a process of his, or of anybody. */
		int credible = owner == 0 || owner == geteuid();
		found = credible && stat && *stat != 'Z' && *stat != 'X' &&
		        stat_field(stat, 22) == start && strcmp(boot, recorded_boot) == 0;
	}
	return JS_NewInt32(ctx, found ? pid : 0);
}

/* birth(path, child) -> 0 | -errno */
JSValue sys_birth(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	result = outcome(ctx, write_birth(path, int_in(ctx, argv[1])));
	give_scratch(ctx, path);
	return result;
}

/* The last variable becomes this process's pid. There is room for that: see sys.d.ts. */
static void tell_pid(char **env) {
	while (env[1]) env++;
	char *digits = strchr(*env, '=') + 1;
	int pid = getpid(), size = 1;
	for (int rest = pid; rest >= 10; rest /= 10) size++;
	digits[size] = 0;
	for (; size > 0; pid /= 10) digits[--size] = (char)('0' + pid % 10);
}

/* From clone to exec: only async-signal-safe calls, no memory but the stack. */
static int spawn_child(void *data) {
	struct spawn *spawn = data;
	if (spawn->foreground) {
		spawn->group = getpgrp();
		setpgid(0, 0); /* cannot fail: a child leads no session */
		hand_terminal(spawn->group, getpid());
	}
	spawn->failed = "dup2";
	for (int i = 0; i < spawn->fd_count; i++) { /* out of the way of the targets first */
		int fd = spawn->fds[i];
		if (fd < 0 || fd >= spawn->fd_count || fd == i) continue;
		if ((spawn->fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, spawn->fd_count)) < 0) goto failed;
	}
	for (int i = 0; i < spawn->fd_count; i++) {
		int fd = spawn->fds[i];
		if (fd < 0) continue; /* left as it is */
		if ((fd == i ? fcntl(fd, F_SETFD, 0) : dup2(fd, i)) < 0) goto failed;
	}
	if (spawn->session) setsid(); /* cannot fail: a child leads no group */
	/* No terminal is no fault. Who has one and ends hangs it up, and what it has left running
	 * has to outlive that. */
	if (spawn->tty && ioctl(0, TIOCSCTTY, *spawn->tty == 't') == 0) signal(SIGHUP, SIG_IGN);
	if (spawn->birth) (void)write_birth(spawn->birth, 0);
	if (spawn->tells_pid) tell_pid(spawn->env);
	restore_signals();
	spawn->failed = "chdir";
	if (spawn->cwd && chdir(spawn->cwd) < 0) goto failed;
	spawn->failed = "execve";
	execve(spawn->path, spawn->argv, spawn->env);
failed:
	spawn->error = errno;
	if (spawn->foreground) {
		kernel_sigmask(&all_signals, NULL);
		hand_terminal(getpid(), spawn->group);
	}
	_exit(127);
}

void give_strings(JSContext *ctx, char **strings) {
	for (char **at = strings; at && *at; at++) give_scratch(ctx, *at);
	give_scratch(ctx, strings);
}

char **strings_in(JSContext *ctx, JSValueConst array) {
	int count = length_in(ctx, array);
	char **strings = take_scratch(ctx, sizeof *strings * ((size_t)count + 1));
	for (int i = 0; strings && i < count; i++) {
		JSValue item = JS_GetPropertyUint32(ctx, array, (uint32_t)i);
		strings[i] = bytes_in(ctx, item, NULL);
		JS_FreeValue(ctx, item);
		if (strings[i]) continue;
		give_strings(ctx, strings);
		return NULL;
	}
	if (strings) strings[count] = NULL;
	return strings;
}

/* Fills *out from a property that is a byte string or null; -1 with an exception. */
static int optional_in(JSContext *ctx, JSValueConst object, const char *name, char **out) {
	JSValue value = JS_GetPropertyStr(ctx, object, name);
	int result = 0;
	if (!JS_IsNull(value) && !JS_IsUndefined(value) && !(*out = bytes_in(ctx, value, NULL)))
		result = -1;
	JS_FreeValue(ctx, value);
	return result;
}

static int flag_in(JSContext *ctx, JSValueConst object, const char *name) {
	JSValue value = JS_GetPropertyStr(ctx, object, name);
	int flag = JS_ToBool(ctx, value);
	JS_FreeValue(ctx, value);
	return flag;
}

static int spawn_in(JSContext *ctx, JSValueConst object, struct spawn *spawn) {
	JSValue args = JS_GetPropertyStr(ctx, object, "argv");
	JSValue env = JS_GetPropertyStr(ctx, object, "env");
	JSValue fds = JS_GetPropertyStr(ctx, object, "fds");
	int has_env = JS_IsObject(env);
	spawn->argv = strings_in(ctx, args);
	if (has_env) spawn->env = spawn->own_env = strings_in(ctx, env);
	spawn->fd_count = length_in(ctx, fds);
	if (spawn->fd_count > SPAWN_FDS) spawn->fd_count = SPAWN_FDS;
	for (int i = 0; i < spawn->fd_count; i++) spawn->fds[i] = int_at(ctx, fds, i);
	JS_FreeValue(ctx, args);
	JS_FreeValue(ctx, env);
	JS_FreeValue(ctx, fds);
	spawn->session = flag_in(ctx, object, "session");
	spawn->foreground = flag_in(ctx, object, "foreground");
	spawn->tells_pid = has_env && flag_in(ctx, object, "tellsPid");
	if (!spawn->argv || (has_env && !spawn->own_env) ||
	    optional_in(ctx, object, "path", &spawn->path) < 0 ||
	    optional_in(ctx, object, "cwd", &spawn->cwd) < 0 ||
	    optional_in(ctx, object, "birth", &spawn->birth) < 0 ||
	    optional_in(ctx, object, "tty", &spawn->tty) < 0)
		return -1;
	return spawn->path ? 0 : -1;
}

/* The child borrows our memory until it has called exec, so its failure is simply there
 * when clone returns, and no page of ours is copied. */
__attribute__((no_sanitize("address"))) static pid_t spawn_clone(struct spawn *spawn) {
	char stack[SPAWN_STACK] __attribute__((aligned(16)));
	sigset_t before;
	kernel_sigmask(&all_signals, &before);
	pid_t pid = clone(spawn_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, spawn);
	int error = errno;
#ifdef TRINIT_ASAN
	/* The child never returned from its frames here, so the sanitizer still guards them. */
	__asan_unpoison_memory_region(stack, sizeof stack);
#endif
	kernel_sigmask(&before, NULL);
	errno = error;
	return pid;
}

/* spawn({path, argv, cwd, fds, birth, env?, session?, tty?, foreground?, tellsPid?})
 * -> pid | [errno, call] */
JSValue sys_spawn(ARGS) {
	UNUSED_ARGS;
	extern char **environ;
	struct spawn spawn = {.env = environ};
	JSValue result = JS_EXCEPTION;
	if (spawn_in(ctx, argv[0], &spawn) == 0) {
		pid_t pid = -1;
#ifdef TRINIT_FAULTS
		int fails = fault_armed("spawn");
		errno = EAGAIN;
		if (!fails)
#endif
			pid = spawn_clone(&spawn);
		if (pid < 0) spawn.failed = "fork", spawn.error = errno;
		if (spawn.error) {
			if (pid > 0) waitpid(pid, NULL, 0);
			result = JS_NewArray(ctx);
			push_int(ctx, result, 0, spawn.error);
			JS_SetPropertyUint32(ctx, result, 1,
			                     bytes_out(ctx, spawn.failed, strlen(spawn.failed)));
		} else {
			result = JS_NewInt32(ctx, pid);
		}
	}
	give_scratch(ctx, spawn.tty);
	give_scratch(ctx, spawn.birth);
	give_scratch(ctx, spawn.cwd);
	give_scratch(ctx, spawn.path);
	give_strings(ctx, spawn.own_env);
	give_strings(ctx, spawn.argv);
	return result;
}
