/* What only the first process does: the calls that end a machine, each behind its guard, reaping
 * in bulk, and the last resort when the engine itself fails. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

/* --- Guards ------------------------------------------------------------------------------ */

/* The inode of the initial PID namespace, which the kernel has given a number of its own. */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCu

/* 1 in the PID namespace of the machine itself, 0 in any other. Remembered, since /proc may be
 * unmounted when the machine ends; without /proc from the beginning on nobody can know: -1. */
static int known_machine(void) {
	static int known = -1;
	struct stat st;
	if (known < 0 && stat("/proc/self/ns/pid", &st) == 0)
		known = st.st_ino == INITIAL_PID_NAMESPACE;
	return known;
}

static int is_machine(void) {
	return known_machine() == 1;
}

int is_container(void) {
#ifdef TRINIT_FAULTS
	if (fault_armed("machine")) return 0;
#endif
	return known_machine() == 0;
}

/* The words behind process 1 are the kernel's. */
int is_booted(void) {
#ifdef TRINIT_FAULTS
	if (fault_armed("machine")) return 1;
#endif
	return is_machine();
}

/* True for the first process, and for one whose first process runs this executable: a mount by
 * anybody else would be a mistake of whoever called. */
static int is_under_us(void) {
	struct stat first, self;
	if (getpid() == 1) return 1;
	return stat("/proc/1/exe", &first) == 0 && stat("/proc/self/exe", &self) == 0 &&
	       first.st_dev == self.st_dev && first.st_ino == self.st_ino;
}

/* machine() -> boolean */
JSValue sys_machine(ARGS) {
	UNUSED_ARGS;
	return JS_NewBool(ctx, is_machine());
}

/* killall(signal) -> 0 | -errno */
JSValue sys_killall(ARGS) {
	UNUSED_ARGS;
	errno = EPERM;
	if (getpid() != 1) return outcome(ctx, -1);
	return outcome(ctx, kill(-1, int_in(ctx, argv[0])));
}

/* reboot(how) -> 0 | -errno */
JSValue sys_reboot(ARGS) {
	UNUSED_ARGS;
	errno = EPERM;
	if (getpid() != 1 || !is_machine()) return outcome(ctx, -1);
	return outcome(ctx, reboot(int_in(ctx, argv[0])));
}

static void nap(long milliseconds) {
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	while (nanosleep(&time, &time) < 0 && errno == EINTR) continue;
}

/* sync(milliseconds) -> 0 | -errno */
JSValue sys_sync(ARGS) {
	UNUSED_ARGS;
	errno = EPERM;
	if (getpid() != 1 || !is_machine()) return outcome(ctx, -1);
	int left = int_in(ctx, argv[0]);
	pid_t pid = fork(); /* a disk or a server that hangs holds up a child, and not us */
	if (pid <= 0) {
		sync();
		mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL); /* stage 3 may have been killed */
		if (pid == 0) _exit(0);
	}
	for (; pid > 0 && waitpid(pid, NULL, WNOHANG) == 0; left -= 10, nap(10)) {
		errno = ETIMEDOUT;
		if (left <= 0) return outcome(ctx, -1);
	}
	return JS_NewInt32(ctx, 0);
}

/* mount(source, target, type, flags, options) -> 0 | -errno */
JSValue sys_mount(ARGS) {
	UNUSED_ARGS;
	errno = EPERM;
	if (!is_under_us()) return outcome(ctx, -1);
	JSValue result = JS_EXCEPTION;
	char *strings[4] = {0};
	const int places[4] = {0, 1, 2, 4};
	int count = 0;
	while (count < 4 && (strings[count] = bytes_in(ctx, argv[places[count]], NULL))) count++;
	if (count == 4)
		result = outcome(ctx, mount(strings[0], strings[1], strings[2],
		                            (unsigned long)int_in(ctx, argv[3]), strings[3]));
	while (count-- > 0) give_scratch(ctx, strings[count]);
	return result;
}

/* As path_in, of who is under us alone. */
static char *guarded_path(JSContext *ctx, JSValueConst value, JSValue *result) {
	errno = EPERM;
	if (is_under_us()) return path_in(ctx, value, result);
	*result = outcome(ctx, -1);
	return NULL;
}

/* umount(path, flags) -> 0 | -errno */
JSValue sys_umount(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *path = guarded_path(ctx, argv[0], &result);
	if (!path) return result;
	result = outcome(ctx, umount2(path, int_in(ctx, argv[1])));
	give_scratch(ctx, path);
	return result;
}

/* swapoff(path) -> 0 | -errno */
JSValue sys_swapoff(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *path = guarded_path(ctx, argv[0], &result);
	if (!path) return result;
	result = outcome(ctx, swapoff(path));
	give_scratch(ctx, path);
	return result;
}

/* --- Reaping in bulk --------------------------------------------------------------------- */

#define REAP_MAX 10000 /* some 30 ms: then signals are heard again */

/* reapall(mine) -> [more, pid, status, ...] */
JSValue sys_reapall(ARGS) {
	UNUSED_ARGS;
	int mine[8], status, count = 0;
	int wanted = length_in(ctx, argv[0]) < 8 ? length_in(ctx, argv[0]) : 8;
	uint32_t used = 1;
	for (int i = 0; i < wanted; i++) mine[i] = int_at(ctx, argv[0], i);
	JSValue list = JS_NewArray(ctx);
	if (JS_IsException(list)) return list; /* before anything is reaped and forgotten */
	for (pid_t pid; count < REAP_MAX && (pid = waitpid(-1, &status, WNOHANG)) > 0; count++)
		for (int i = 0; i < wanted; i++)
			if (pid == mine[i]) {
				push_int(ctx, list, used++, pid);
				push_int(ctx, list, used++, status);
			}
	push_int(ctx, list, 0, count == REAP_MAX);
	return list;
}

/* --- Words that never wait --------------------------------------------------------------- */

int can_write(int fd, int milliseconds) {
	struct pollfd out = {.fd = fd, .events = POLLOUT};
	return poll(&out, 1, milliseconds) == 1 && (out.revents & POLLOUT);
}

/* canwrite(fd, milliseconds) -> boolean */
JSValue sys_canwrite(ARGS) {
	UNUSED_ARGS;
	return JS_NewBool(ctx, can_write(int_in(ctx, argv[0]), int_in(ctx, argv[1])));
}

static void say(const char *text) {
	if (can_write(2, 0) && write(2, text, strlen(text)) < 0) return; /* nobody to tell */
}

/* execfn() -> path */
JSValue sys_execfn(ARGS) {
	UNUSED_ARGS;
	const char *path = (const char *)getauxval(AT_EXECFN);
	return bytes_out(ctx, path ? path : "", path ? strlen(path) : 0);
}

/* --- The last resort --------------------------------------------------------------------- */

#define FAULT_PAUSE 60 /* seconds in which a second fault means that starting over is no help */

static char note[128];      /* what a successor has to know, as its argument */
static char called_as[16];  /* argv[0] without a path */
static long faulted_at;     /* seconds on the monotonic clock; 0: never */
static char fault_time[24]; /* the same, as an argument */
static char resumed[] = "--resumed";
static char *without_words[] = {called_as, resumed, note, fault_time, NULL};
static char **successor = without_words;

static long seconds_now(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* become(argv) -> -errno */
JSValue sys_become(ARGS) {
	UNUSED_ARGS;
	extern char **environ;
	char **words = strings_in(ctx, argv[0]);
	if (!words) return JS_EXCEPTION;
	unignore_signals();
	execve("/proc/self/exe", words, environ);
	execve((const char *)getauxval(AT_EXECFN), words, environ);
	JSValue result = outcome(ctx, -1);
	ignore_signals();
	give_strings(ctx, words);
	return result;
}

/* This executable once more, as the same process: whatever runs goes on. */
static void start_over(void) {
	extern char **environ;
	snprintf(fault_time, sizeof fault_time, "%ld", seconds_now());
	execve("/proc/self/exe", successor, environ);
	execve((const char *)getauxval(AT_EXECFN), successor, environ);
}

static void run_shell(void) {
	forget_signals();
	restore_signals();
	setsid();
	int console = open("/dev/console", O_RDWR | O_NOCTTY);
	for (int fd = 0; console >= 0 && fd < 3; fd++) dup2(console, fd);
	ioctl(0, TIOCSCTTY, 1);
	execl("/bin/sh", "sh", (char *)NULL);
	_exit(127);
}

/* Whoever is at the console of a machine gets a shell, everything else goes on and is reaped;
 * once the shell has ended, we try again. A container ends, and its engine is told. */
_Noreturn void rescue(const char *why) {
	if (getpid() != 1) _exit(111);
	say(why);
	struct stat st; /* a kernel that has just started us has mounted nothing */
	if (stat("/proc/self", &st) < 0 && (mkdir("/proc", 0555) == 0 || errno == EEXIST))
		mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	int has_console = is_machine();
#ifdef TRINIT_FAULTS
	has_console |= fault_armed("machine");
#endif
	if (!has_console) _exit(111);
	say("- runit: fatal: a shell on the console, init goes on when it ends\n");
	long began = seconds_now();
	pid_t shell = fork();
	if (shell == 0) run_shell();
	for (pid_t pid = shell; pid > 0 && (pid = waitpid(-1, NULL, 0)) != shell;)
		if (pid < 0 && errno == EINTR) pid = shell;
	if (seconds_now() - began < 1) sleep(5); /* there is no shell */
	start_over();
	for (;;) waitpid(-1, NULL, 0), sleep(1); /* nothing is left but to be there */
}

/* Signals of the processor, and abort()'s. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
#define FAULT_COUNT (sizeof faults / sizeof *faults)

void block_signals(void) {
	sigset_t all;
	memset(&all, 0xff, sizeof all); /* libc would leave out those that are its own */
	for (size_t i = 0; i < FAULT_COUNT; i++) SIGNAL_BITS(&all) &= ~SIGNAL_BIT(faults[i]);
	kernel_sigmask(&all, NULL);
}

/* False for a signal that another process has sent, whatever it says of itself: the kernel gives
 * codes above 0 to the processor's, and that of raise() only with the sender's own number. ABRT has
 * one above 0 as what a file's owner is told of it (F_SETSIG), and never from the processor. */
static int is_fault(int number, const siginfo_t *cause) {
	if (number == SIGABRT) return cause->si_code == SI_TKILL && cause->si_pid == getpid();
	return cause->si_code > 0;
}

/* In the first process, with all signals blocked: frames never nest, however many are sent. A
 * forked child ends, once this has returned; one of spawn() shares our memory, in which raise()
 * would find our number and not its own. */
static void on_fault(int number, siginfo_t *cause, void *context) {
	(void)context;
	if (getpid() != 1) {
		signal(number, SIG_DFL);
		kill(getpid(), number);
		return;
	}
	if (!is_fault(number, cause)) return;
	if (faulted_at > 0 && seconds_now() - faulted_at < FAULT_PAUSE)
		rescue("- runit: fatal: fault in the program, the second within a minute\n");
	say("- runit: fatal: fault in the program, starting over\n");
	start_over();
	rescue("- runit: fatal: unable to start over\n");
}

#define HANDLER_STACK 16384 /* for on_fault, and what it calls */

/* The frame of a handler has all registers in it: 12 kB where the processor has AVX-512. */
static void arm_faults(void) {
	stack_t place = {.ss_size = HANDLER_STACK + getauxval(AT_MINSIGSTKSZ)};
	struct sigaction action = {.sa_sigaction = on_fault,
	                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	memset(&action.sa_mask, 0xff, sizeof action.sa_mask);
	int how = MAP_PRIVATE | MAP_ANONYMOUS;
	place.ss_sp = mmap(NULL, place.ss_size, PROT_READ | PROT_WRITE, how, -1, 0);
	if (place.ss_sp != MAP_FAILED) sigaltstack(&place, NULL); /* or the one there is will do */
	for (size_t i = 0; i < FAULT_COUNT; i++) sigaction(faults[i], &action, NULL);
}

/* remember(note) -> 0 */
JSValue sys_remember(ARGS) {
	UNUSED_ARGS;
	static int armed;
	char *text = bytes_in(ctx, argv[0], NULL);
	if (!text) return JS_EXCEPTION;
	snprintf(note, sizeof note, "%s", text);
	give_scratch(ctx, text);
	if (getpid() == 1 && !armed++) arm_faults();
	return JS_NewInt32(ctx, 0);
}

/* A container's command line, which its successor is told again: copies, since a title may be
 * written where the words are. Without room for them, it knows what it was, and not what for. */
static void remember_words(int count, char **words) {
	size_t known = sizeof without_words / sizeof *without_words - 1;
	char **all = calloc(known + (size_t)count + 1, sizeof *all);
	if (!all) return;
	memcpy(all, without_words, known * sizeof *all);
	for (int i = 0; i < count; i++)
		if (!(all[known + (size_t)i] = strdup(words[i]))) return;
	successor = all;
}

void remember_call(int argc, char **argv) {
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	snprintf(called_as, sizeof called_as, "%s", slash ? slash + 1 : argc > 0 ? argv[0] : "init");
	int is_resumed = argc > 3 && strcmp(argv[1], "--resumed") == 0;
	int from = is_resumed ? 4 : 1; /* the words of a container, behind what a successor is told */
	int has_words = argc > from && strcmp(argv[from], "--entrypoint") == 0;
	if (getpid() != 1 || !(is_resumed || has_words)) return;
	if (has_words) remember_words(argc - from, argv + from);
	sigemptyset(&start.mask); /* what is blocked or ignored is the predecessor's doing */
	if (!is_resumed) return;
	faulted_at = atol(argv[3]);
	forget_signals();
}
