/* Waiting: poll, signals, and what tells of changes in directories. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sys.h"

/* poll(fds, milliseconds) -> the fds that are ready | -errno */
JSValue sys_poll(ARGS) {
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
JSValue sys_signalfd(ARGS) {
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
JSValue sys_readsignals(ARGS) {
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
