/* What the C files of this directory share. */
#ifndef TRINIT_SYS_H
#define TRINIT_SYS_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine.h"

/* The state this process was started in, before the engine touched it. */
struct start {
	sigset_t mask;            /* signals blocked by whoever started us */
	void (*on_write[2])(int); /* what PIPE and XFSZ did */
	char *title;              /* the memory of argv, which ps reads */
	size_t title_size;
};
extern struct start start;

/* The signals that signalfd() took over, so that programs we start get them back unblocked. */
extern sigset_t handled;

/* A set as the kernel has it, all 64 signals in a word: libc's calls leave out its own. */
#define SIGNAL_BITS(set) (*(uint64_t *)(set))
#define SIGNAL_BIT(number) (UINT64_C(1) << ((number)-1))

/* Every function of `sys` has this shape. */
#define ARGS JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv
#define UNUSED_ARGS (void)ctx, (void)this_val, (void)argc, (void)argv

/* Installs `sys` into the global object; 0, or -1 with an exception pending. */
int sys_install(JSContext *ctx);

/* What comes of what main returned: the exit code, which is that, or that of the last of the
 * turns that it wants taken (loop.ts). */
int run_program(JSContext *ctx, JSValue result, const char *name);

/* Prints the pending exception as `NAME: fatal: ...` with its stack, and clears it. */
void report_exception(JSContext *ctx, const char *name);

/* Memory for the length of one call, given back in the opposite order. */
void *take_scratch(JSContext *ctx, size_t size);
void give_scratch(JSContext *ctx, void *memory);
/* A string of bytes as a JavaScript string, one code unit 0-255 per byte. */
JSValue bytes_out(JSContext *ctx, const char *bytes, size_t size);
/* The bytes of a byte string, NUL-terminated, for give_scratch(); NULL with an exception. */
char *bytes_in(JSContext *ctx, JSValueConst value, size_t *size);
/* As bytes_in, for a file's name; NULL with what to return in *result. */
char *path_in(JSContext *ctx, JSValueConst value, JSValue *result);
/* What a system call returned: the value, or -errno for -1. */
JSValue outcome(JSContext *ctx, long value);
int int_in(JSContext *ctx, JSValueConst value);
/* A number of bytes as a double has it: 2^53 - 1 where the kernel tells of more; as an argument,
 * more is an exception: -1. Whatever else has 64 bits crosses as a string. */
JSValue count_out(JSContext *ctx, uint64_t count);
int offset_in(JSContext *ctx, JSValueConst value, off_t *offset);
int int_at(JSContext *ctx, JSValueConst array, int index);
int length_in(JSContext *ctx, JSValueConst array);
void push_int(JSContext *ctx, JSValueConst array, uint32_t index, int64_t number);
/* A Uint8Array's memory; range_in takes (buffer, from, to). NULL with an exception. */
uint8_t *buffer_in(JSContext *ctx, JSValueConst value, size_t *size);
uint8_t *range_in(ARGS, size_t *size);

/* wait.c: a write to a closed pipe, or beyond the limit of a file's size, is an error and ends
 * nobody: PIPE and XFSZ are ignored, or do again what they did before us. */
void ignore_signals(void);
void unignore_signals(void);
/* The same at the start, with what signals were like before; which is forgotten where that is the
 * doing of our predecessor in this process. */
void remember_signals(void);
void forget_signals(void);
/* Signals as they were before us: nothing that we block, catch or ignore is left to a
 * program that we start. Async-signal-safe. */
void restore_signals(void);
/* The mask with all 64 signals, as the kernel has it: libc hides those that are its own. */
void kernel_sigmask(const sigset_t *mask, sigset_t *before);
/* process.c: the strings of an array for exec, for give_strings(); NULL with an exception. */
char **strings_in(JSContext *ctx, JSValueConst array);
void give_strings(JSContext *ctx, char **strings);

/* heap.c: the engine's memory; what to call before the first fork, and around a wait that is
 * long: in between the heap is not there. */
extern const JSMallocFunctions heap_functions;
void heap_freeze(void);
void heap_pack(void);
void heap_unpack(void);
/* process.c: who is not to be packed, process 1 and who has forked supervisors: they must not need
 * memory to wake up where there is none. */
extern int keeps_heap;
/* Room for a title, where every process that has one has a page: the kernel shows none that lies
 * beside initialised data. */
#define TITLE_MAX 1024
char *heap_title(void);

/* Fault points: only a build with TRINIT_FAULTS has them. */
#ifdef TRINIT_FAULTS
int fault_armed(const char *name);
#define FAULT(name, number) \
	if (fault_armed(name)) return JS_NewInt32(ctx, -(number))
#else
#define FAULT(name, number) \
	do { \
	} while (0)
#endif

/* files.c */
JSValue sys_open(ARGS);
JSValue sys_opennode(ARGS);
JSValue sys_openat(ARGS);
JSValue sys_close(ARGS);
JSValue sys_buffer(ARGS);
JSValue sys_read(ARGS);
JSValue sys_pread(ARGS);
JSValue sys_write(ARGS);
JSValue sys_pwrite(ARGS);
JSValue sys_splice(ARGS);
JSValue sys_freespace(ARGS);
JSValue sys_punch(ARGS);
JSValue sys_udpsocket(ARGS);
JSValue sys_sendto(ARGS);
JSValue sys_readfile(ARGS);
JSValue sys_readown(ARGS);
JSValue sys_isown(ARGS);
JSValue sys_fsync(ARGS);
JSValue sys_ftruncate(ARGS);
JSValue sys_fchmod(ARGS);
JSValue sys_chmod(ARGS);
JSValue sys_chown(ARGS);
JSValue sys_isatty(ARGS);
JSValue sys_flock(ARGS);
JSValue sys_lockfile(ARGS);
JSValue sys_pipe(ARGS);
JSValue sys_dup2(ARGS);
JSValue sys_stat(ARGS);
JSValue sys_lstat(ARGS);
JSValue sys_fstat(ARGS);
JSValue sys_fstype(ARGS);
JSValue sys_readlink(ARGS);
JSValue sys_getcwd(ARGS);
JSValue sys_readdir(ARGS);
JSValue sys_rename(ARGS);
JSValue sys_symlink(ARGS);
JSValue sys_unlink(ARGS);
JSValue sys_unlinkat(ARGS);
JSValue sys_mkdir(ARGS);
JSValue sys_rmdir(ARGS);
JSValue sys_writable(ARGS);
JSValue sys_mkfifo(ARGS);
JSValue sys_chdir(ARGS);
JSValue sys_chroot(ARGS);

/* wait.c */
JSValue sys_poll(ARGS);
JSValue sys_epoll_create(ARGS);
JSValue sys_epoll_add(ARGS);
JSValue sys_epoll_wait(ARGS);
JSValue sys_kill(ARGS);
JSValue sys_waitpid(ARGS);
JSValue sys_pidfd_open(ARGS);
JSValue sys_pidfd_send_signal(ARGS);
JSValue sys_subreaper(ARGS);
JSValue sys_parentdeath(ARGS);
JSValue sys_signalfd(ARGS);
JSValue sys_readsignals(ARGS);
JSValue sys_inotify_init(ARGS);
JSValue sys_inotify_add_watch(ARGS);
JSValue sys_inotify_rm_watch(ARGS);
JSValue sys_readinotify(ARGS);
JSValue sys_dnotify(ARGS);

/* boot.c: the end of a program whose engine cannot go on: exit code 111, and for the first process
 * the last resort; what main was called with. */
_Noreturn void rescue(const char *why);
/* False when a line written there would wait for longer. */
int can_write(int fd, int milliseconds);
void remember_call(int argc, char **argv);
/* What has no handler is nothing to process 1, unless it is blocked: then it waits for signalfd().
 * All but the processor's signals, which end even process 1 while they are blocked. */
void block_signals(void);
/* True in another PID namespace than the machine's; false where there is no /proc to tell. */
int is_container(void);
int is_booted(void);

/* boot.c */
JSValue sys_machine(ARGS);
JSValue sys_killall(ARGS);
JSValue sys_reboot(ARGS);
JSValue sys_sync(ARGS);
JSValue sys_mount(ARGS);
JSValue sys_umount(ARGS);
JSValue sys_swapoff(ARGS);
JSValue sys_reapall(ARGS);
JSValue sys_canwrite(ARGS);
JSValue sys_execfn(ARGS);
JSValue sys_become(ARGS);
JSValue sys_remember(ARGS);

/* identity.c */
JSValue sys_getpid(ARGS);
JSValue sys_geteuid(ARGS);
JSValue sys_setsid(ARGS);
JSValue sys_setids(ARGS);
JSValue sys_getrlimit(ARGS);
JSValue sys_setrlimit(ARGS);
JSValue sys_getenv(ARGS);
JSValue sys_setenv(ARGS);
JSValue sys_environ(ARGS);
JSValue sys_nice(ARGS);
JSValue sys_inherit(ARGS);
JSValue sys_execve(ARGS);

/* process.c */
JSValue sys_foreground(ARGS);
JSValue sys_settitle(ARGS);
JSValue sys_retitle(ARGS);
JSValue sys_birth(ARGS);
JSValue sys_living(ARGS);
JSValue sys_fork(ARGS);
JSValue sys_spawn(ARGS);

#endif
