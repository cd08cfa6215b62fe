/* Waiting: poll, signals, ends of processes, and what tells of changes in directories. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

#define WAIT_FDS 64

/* How long nothing must have happened before the heap is packed: that, and to unpack it, takes
 * about a millisecond of a program that was not forked, and half of that of others. */
#ifdef TRINIT_FAULTS
#define QUIET_MS 1 /* so that tests see much of it */
#else
#define QUIET_MS 500
#endif

/* It is put off for who is woken soon all the same, up to so long. */
#define QUIET_MAX_MS 60000
#define SOON 10 /* times as long */

static int64_t monotonic_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until a descriptor is ready, for long with the heap packed. */
static int wait_ready(struct pollfd *fds, int count, int milliseconds) {
	static int quiet = QUIET_MS;
	int is_long = (milliseconds < 0 || milliseconds > quiet) && !keeps_heap;
	int64_t began = is_long ? monotonic_ms() : 0;
	int found = poll(fds, (nfds_t)count, is_long ? quiet : milliseconds);
	if (found != 0 || !is_long) return found;
	heap_pack();
	int64_t packed = monotonic_ms(), left = began + milliseconds - packed;
	found = poll(fds, (nfds_t)count, milliseconds < 0 ? -1 : left > 0 ? (int)left : 0);
	int error = errno;
	heap_unpack();
	int was_soon = monotonic_ms() - packed < (int64_t)quiet * SOON;
	quiet = !was_soon ? QUIET_MS : quiet < QUIET_MAX_MS / 2 ? quiet * 2 : QUIET_MAX_MS;
	errno = error;
	return found;
}

/* ~fd stands for a descriptor whose urgent data is waited for. */
static struct pollfd pollfd_of(int fd) {
	return (struct pollfd){.fd = fd < 0 ? ~fd : fd, .events = fd < 0 ? POLLPRI : POLLIN};
}

static JSValue ready_out(JSContext *ctx, const struct pollfd *fds, int count) {
	JSValue ready = JS_NewArray(ctx);
	uint32_t used = 0;
	for (int i = 0; i < count; i++)
		if (fds[i].revents)
			push_int(ctx, ready, used++, fds[i].events == POLLPRI ? ~fds[i].fd : fds[i].fd);
	return ready;
}

/* poll(fds, milliseconds) -> the fds that are ready | -errno */
JSValue sys_poll(ARGS) {
	UNUSED_ARGS;
	struct pollfd fds[WAIT_FDS];
	int count = length_in(ctx, argv[0]);
	if (count > WAIT_FDS) return engine_throw_type(ctx, "poll on %d descriptors", count);
	for (int i = 0; i < count; i++)
		fds[i] = pollfd_of(int_at(ctx, argv[0], i));
	if (wait_ready(fds, count, int_in(ctx, argv[1])) < 0) return outcome(ctx, -1);
	return ready_out(ctx, fds, count);
}

/* epoll_create() -> fd | -errno */
JSValue sys_epoll_create(ARGS) {
	UNUSED_ARGS;
	FAULT("epoll_create", EMFILE);
	return outcome(ctx, epoll_create1(EPOLL_CLOEXEC));
}

/* epoll_add(epoll, fd) -> 0 | -errno */
JSValue sys_epoll_add(ARGS) {
	UNUSED_ARGS;
	int fd = int_in(ctx, argv[1]);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	return outcome(ctx, epoll_ctl(int_in(ctx, argv[0]), EPOLL_CTL_ADD, fd, &event));
}

/* epoll_wait(epoll) -> the fds that are ready now | -errno */
JSValue sys_epoll_wait(ARGS) {
	UNUSED_ARGS;
	struct epoll_event events[WAIT_FDS];
	int count = epoll_wait(int_in(ctx, argv[0]), events, WAIT_FDS, 0);
	if (count < 0) return outcome(ctx, -1);
	JSValue ready = JS_NewArray(ctx);
	for (int i = 0; i < count; i++) push_int(ctx, ready, (uint32_t)i, events[i].data.fd);
	return ready;
}

/* One turn: what it answers is an exit code, returned as such, or [milliseconds, ...fds] for the
 * next wait, which is done here: while a supervisor waits, no JavaScript is on the stack, whose
 * references would be counted on pages that are shared otherwise. -1: go on. */
static int take_turn(JSContext *ctx, JSValueConst turns, const char *name, JSValue *ready) {
	struct pollfd fds[WAIT_FDS];
	int code = 0, count = 0, milliseconds = 1000;
	JSValue take = JS_GetPropertyStr(ctx, turns, "take");
	JSValue answer = JS_Call(ctx, take, turns, 1, (JSValueConst *)ready);
	JS_FreeValue(ctx, take);
	JS_FreeValue(ctx, *ready);
	if (JS_IsNumber(answer)) {
		code = int_in(ctx, answer);
		JS_FreeValue(ctx, answer);
		return code;
	}
	if (JS_IsException(answer)) { /* not even its own catch got through: out of memory */
		report_exception(ctx, name);
	} else {
		milliseconds = int_at(ctx, answer, 0);
		count = length_in(ctx, answer) - 1;
		if (count > WAIT_FDS) count = WAIT_FDS;
	}
	for (int i = 0; i < count; i++)
		fds[i] = pollfd_of(int_at(ctx, answer, i + 1));
	JS_FreeValue(ctx, answer);
	int found = wait_ready(fds, count, milliseconds);
	if (found < 0 && errno != EINTR) poll(NULL, 0, 1000); /* whatever it is: not again at once */
	*ready = ready_out(ctx, fds, found < 0 ? 0 : count);
	return -1;
}

int run_program(JSContext *ctx, JSValue result, const char *name) {
	if (JS_IsException(result)) {
		report_exception(ctx, name);
		rescue("");
	}
	if (JS_IsNumber(result)) return int_in(ctx, result);
	JSValue ready = JS_NewArray(ctx);
	int code;
	while ((code = take_turn(ctx, result, name, &ready)) < 0) continue;
	return code;
}

/* --- Signals, and the ends of processes --------------------------------------------------- */

sigset_t handled;

static const int on_write[] = {SIGPIPE, SIGXFSZ};
#define ON_WRITE (sizeof on_write / sizeof *on_write)

void ignore_signals(void) {
	for (size_t i = 0; i < ON_WRITE; i++) signal(on_write[i], SIG_IGN);
}

void remember_signals(void) {
	kernel_sigmask(NULL, &start.mask);
	for (size_t i = 0; i < ON_WRITE; i++) start.on_write[i] = signal(on_write[i], SIG_IGN);
}

void forget_signals(void) {
	sigemptyset(&start.mask);
	for (size_t i = 0; i < ON_WRITE; i++) start.on_write[i] = SIG_DFL;
}

void unignore_signals(void) {
	ignore_signals(); /* drops what a write of ours has left pending while signals were blocked */
	for (size_t i = 0; i < ON_WRITE; i++) signal(on_write[i], start.on_write[i]);
}

void restore_signals(void) {
	sigset_t mask = start.mask;
	SIGNAL_BITS(&mask) &= ~SIGNAL_BITS(&handled);
	unignore_signals();
	kernel_sigmask(&mask, NULL);
}

void kernel_sigmask(const sigset_t *mask, sigset_t *before) {
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, before, 8);
}

/* kill(pid, signal) -> 0 | -errno */
JSValue sys_kill(ARGS) {
	UNUSED_ARGS;
	pid_t pid = int_in(ctx, argv[0]);
	errno = EPERM; /* everything, or whoever started us: never by this call */
	if (pid == 0 || pid == -1) return outcome(ctx, -1);
	return outcome(ctx, kill(pid, int_in(ctx, argv[1])));
}

/* waitpid(pid, flags) -> [pid, status] | null | -errno */
JSValue sys_waitpid(ARGS) {
	UNUSED_ARGS;
	int status = 0;
	pid_t pid = waitpid(int_in(ctx, argv[0]), &status, int_in(ctx, argv[1]));
	if (pid == 0 || (pid < 0 && errno == ECHILD)) return JS_NULL;
	if (pid < 0) return outcome(ctx, -1);
	JSValue pair = JS_NewArray(ctx);
	push_int(ctx, pair, 0, pid);
	push_int(ctx, pair, 1, status);
	return pair;
}

/* pidfd_open(pid) -> fd | -errno */
JSValue sys_pidfd_open(ARGS) {
	UNUSED_ARGS;
	FAULT("pidfd_open", EPERM);
	return outcome(ctx, syscall(SYS_pidfd_open, int_in(ctx, argv[0]), 0));
}

/* pidfd_send_signal(pidfd, signal) -> 0 | -errno */
JSValue sys_pidfd_send_signal(ARGS) {
	UNUSED_ARGS;
	FAULT("pidfd_send_signal", ENOSYS);
	int pidfd = int_in(ctx, argv[0]), signal = int_in(ctx, argv[1]);
	return outcome(ctx, syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

/* subreaper() -> 0 | -errno */
JSValue sys_subreaper(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

/* parentdeath(signal) -> 0 | -errno */
JSValue sys_parentdeath(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, prctl(PR_SET_PDEATHSIG, int_in(ctx, argv[0]), 0, 0, 0));
}

/* signalfd(signals, keeps?) -> fd | -errno */
JSValue sys_signalfd(ARGS) {
	UNUSED_ARGS;
	int count = length_in(ctx, argv[0]);
	int keeps = JS_ToBool(ctx, argv[1]) == 1;
	sigset_t mask = start.mask, wanted; /* and not what a parent of ours blocked for itself */
	sigemptyset(&wanted);
	for (int i = 0; i < count; i++) SIGNAL_BITS(&wanted) |= SIGNAL_BIT(int_at(ctx, argv[0], i));
	SIGNAL_BITS(&mask) |= SIGNAL_BITS(&wanted);
	kernel_sigmask(&mask, NULL);
	if (!keeps) handled = wanted;
	/* Children of who ignores CHLD end without a word. The others would go on to be ignored. */
	for (int i = 0; i < count; i++) {
		struct sigaction action = {0};
		int number = int_at(ctx, argv[0], i);
		if (keeps && number != SIGCHLD) continue;
		sigaction(number, NULL, &action); /* to set it anew would drop what is pending */
		if (action.sa_handler == SIG_IGN) signal(number, SIG_DFL);
	}
	return outcome(ctx, signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

/* readsignals(fd, typed?) -> signal numbers, [] when there are none | -errno */
JSValue sys_readsignals(ARGS) {
	UNUSED_ARGS;
	struct signalfd_siginfo infos[16];
	ssize_t size = read(int_in(ctx, argv[0]), infos, sizeof infos);
	if (size < 0 && errno != EAGAIN) return outcome(ctx, -1);
	JSValue numbers = JS_NewArray(ctx);
	uint32_t used = 0, own = (uint32_t)getpid();
	int tells = JS_ToBool(ctx, argv[1]) == 1;
	for (size_t i = 0; size > 0 && i < (size_t)size / sizeof *infos; i++) {
		int number = (int)infos[i].ssi_signo;
		int typed = tells && number == SIGINT && infos[i].ssi_code == SI_KERNEL;
		int is_write = number == SIGPIPE || number == SIGXFSZ;
		if (!is_write || infos[i].ssi_pid != own)
			push_int(ctx, numbers, used++, typed ? -number : number);
	}
	return numbers;
}

/* inotify_init() -> fd | -errno */
JSValue sys_inotify_init(ARGS) {
	UNUSED_ARGS;
	FAULT("inotify_init", EMFILE);
	return outcome(ctx, inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
}

/* inotify_add_watch(fd, path, mask) -> watch | -errno */
JSValue sys_inotify_add_watch(ARGS) {
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
JSValue sys_inotify_rm_watch(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, inotify_rm_watch(int_in(ctx, argv[0]), int_in(ctx, argv[1])));
}

/* readinotify(fd) -> [watch, mask, name, watch, mask, name, ...] | -errno */
JSValue sys_readinotify(ARGS) {
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
JSValue sys_dnotify(ARGS) {
	UNUSED_ARGS;
	FAULT("dnotify", EINVAL);
	int changes = DN_RENAME | DN_DELETE | DN_MULTISHOT;
	return outcome(ctx, fcntl(int_in(ctx, argv[0]), F_NOTIFY, changes));
}
