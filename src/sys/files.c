/* Files: the calls on paths and descriptors. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"

/* musl's open() sets close-on-exec a second time, for kernels older than any we run on. */
static int raw_open(const char *path, int flags, int mode) {
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC | O_NOCTTY, mode);
}

/* open(path, flags, mode) -> fd | -errno */
JSValue sys_open(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	result = outcome(ctx, raw_open(path, int_in(ctx, argv[1]), int_in(ctx, argv[2])));
	give_scratch(ctx, path);
	return result;
}

/* A FIFO or a plain file. What is neither is not even opened, which makes a device do things; the
 * second look is at what was opened, whatever the name is by then. */
static int open_node(const char *path, int flags, int mode) {
	struct stat there, st;
	int is_there = lstat(path, &there) == 0;
	errno = EMEDIUMTYPE;
	if (is_there && !S_ISFIFO(there.st_mode) && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode))
		return -1;
	int fd = raw_open(path, flags | O_NOFOLLOW | O_NONBLOCK, mode);
	if (fd < 0 || (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode)))) return fd;
	close(fd);
	errno = S_ISDIR(st.st_mode) ? EISDIR : EMEDIUMTYPE;
	return -1;
}

/* opennode(path, flags, mode) -> fd | -errno */
JSValue sys_opennode(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	result = outcome(ctx, open_node(path, int_in(ctx, argv[1]), int_in(ctx, argv[2])));
	give_scratch(ctx, path);
	return result;
}

/* openat(directory, name, flags) -> fd | -errno */
JSValue sys_openat(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *name = path_in(ctx, argv[1], &result);
	if (!name) return result;
	int flags = int_in(ctx, argv[2]) | O_CLOEXEC | O_NOCTTY;
	result = outcome(ctx, syscall(SYS_openat, int_in(ctx, argv[0]), name, flags, 0));
	give_scratch(ctx, name);
	return result;
}

/* close(fd) -> 0 | -errno */
JSValue sys_close(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, close(int_in(ctx, argv[0])));
}

static void free_buffer(JSRuntime *rt, void *size, void *memory) {
	(void)rt;
	munmap(memory, (size_t)size);
}

/* buffer(size) -> Uint8Array */
JSValue sys_buffer(ARGS) {
	UNUSED_ARGS;
	size_t size = (size_t)int_in(ctx, argv[0]);
	int rights = PROT_READ | PROT_WRITE, how = MAP_PRIVATE | MAP_ANONYMOUS;
	void *memory = mmap(NULL, size, rights, how, -1, 0);
	if (memory == MAP_FAILED) return JS_ThrowOutOfMemory(ctx);
	JSValue array = JS_NewArrayBuffer(ctx, memory, size, free_buffer, (void *)size, 0);
	JSValueConst all[] = {array, JS_UNDEFINED, JS_UNDEFINED}; /* no offset, no length: all of it */
	JSValue bytes = JS_NewTypedArray(ctx, 3, all, JS_TYPED_ARRAY_UINT8);
	JS_FreeValue(ctx, array);
	return bytes;
}

/* read(fd, buffer, from, to) -> bytes | -errno */
JSValue sys_read(ARGS) {
	size_t size;
	uint8_t *data = range_in(ctx, this_val, argc - 1, argv + 1, &size);
	if (!data) return JS_EXCEPTION;
	return outcome(ctx, read(int_in(ctx, argv[0]), data, size));
}

/* pread(fd, buffer, from, to, offset) -> bytes | -errno */
JSValue sys_pread(ARGS) {
	size_t size;
	off_t offset;
	uint8_t *data = range_in(ctx, this_val, argc - 1, argv + 1, &size);
	if (!data || offset_in(ctx, argv[4], &offset) < 0) return JS_EXCEPTION;
	return outcome(ctx, pread(int_in(ctx, argv[0]), data, size, offset));
}

/* write(fd, bytes: string | buffer, from?, to?) -> bytes | -errno */
JSValue sys_write(ARGS) {
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
JSValue sys_pwrite(ARGS) {
	UNUSED_ARGS;
	size_t size;
	off_t offset;
	if (offset_in(ctx, argv[2], &offset) < 0) return JS_EXCEPTION;
	char *bytes = bytes_in(ctx, argv[1], &size);
	if (!bytes) return JS_EXCEPTION;
	JSValue result = outcome(ctx, pwrite(int_in(ctx, argv[0]), bytes, size, offset));
	give_scratch(ctx, bytes);
	return result;
}

/* splice(from, to, offset, size) -> bytes | -errno */
JSValue sys_splice(ARGS) {
	UNUSED_ARGS;
	off_t offset;
	if (offset_in(ctx, argv[2], &offset) < 0) return JS_EXCEPTION;
	FAULT("splice", EINVAL);
	return outcome(ctx, splice(int_in(ctx, argv[0]), NULL, int_in(ctx, argv[1]), &offset,
	                           (size_t)int_in(ctx, argv[3]), SPLICE_F_NONBLOCK));
}

/* freespace(fd) -> bytes | -errno */
JSValue sys_freespace(ARGS) {
	UNUSED_ARGS;
	struct statfs fs;
	if (fstatfs(int_in(ctx, argv[0]), &fs) < 0) return outcome(ctx, -1);
	if (fs.f_blocks == 0) return JS_NewInt32(ctx, -ENOSYS);
	double block = fs.f_frsize ? (double)fs.f_frsize : (double)fs.f_bsize;
	return JS_NewFloat64(ctx, (double)fs.f_bavail * block);
}

/* punch(fd, from, to) -> 0 | -errno */
JSValue sys_punch(ARGS) {
	UNUSED_ARGS;
	double from, to;
	if (JS_ToFloat64(ctx, &from, argv[1]) < 0 || JS_ToFloat64(ctx, &to, argv[2]) < 0)
		return JS_EXCEPTION;
	FAULT("punch", EOPNOTSUPP);
	return outcome(ctx, fallocate(int_in(ctx, argv[0]), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	                              (off_t)from, (off_t)(to - from)));
}

/* udpsocket() -> fd | -errno */
JSValue sys_udpsocket(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/* sendto(fd, buffer, from, to, ip, port) -> bytes | -errno */
JSValue sys_sendto(ARGS) {
	size_t size;
	uint8_t *data = range_in(ctx, this_val, argc - 1, argv + 1, &size);
	double ip;
	if (!data || JS_ToFloat64(ctx, &ip, argv[4]) < 0) return JS_EXCEPTION;
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons((uint16_t)int_in(ctx, argv[5])),
	                              .sin_addr = {htonl((uint32_t)ip)}};
	return outcome(ctx, sendto(int_in(ctx, argv[0]), data, size, 0, (struct sockaddr *)&address,
	                           sizeof address));
}

/* True for what root and we alone can change. The members of our own group are as good as we where
 * we are not root; and nobody can write to what is mounted read-only. */
static int is_own(int fd) {
	struct stat st;
	struct statvfs fs;
	uid_t us = geteuid();
	if (fstat(fd, &st) < 0 || (st.st_uid != 0 && st.st_uid != us)) return 0;
	mode_t others = us != 0 && st.st_gid == getegid() ? S_IWOTH : S_IWGRP | S_IWOTH;
	return !(st.st_mode & others) || (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY));
}

/* isown(fd) -> boolean */
JSValue sys_isown(ARGS) {
	UNUSED_ARGS;
	return JS_NewBool(ctx, is_own(int_in(ctx, argv[0])));
}

/* Closes it. */
static JSValue read_all(JSContext *ctx, JSValueConst *argv, int fd) {
	size_t max = (size_t)int_in(ctx, argv[1]), size = 0;
	struct stat st; /* no more room than a large file needs; those in /proc have size 0 */
	if (max > 4096 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (size_t)st.st_size < max)
		max = (size_t)st.st_size;
	char *bytes = take_scratch(ctx, max + 1);
	ssize_t got = bytes ? 1 : 0;
	while (bytes && size < max && (got = read(fd, bytes + size, max - size)) > 0)
		size += (size_t)got;
	JSValue result = !bytes  ? JS_EXCEPTION
	                 : got < 0 ? outcome(ctx, -1)
	                           : bytes_out(ctx, bytes, size);
	give_scratch(ctx, bytes);
	close(fd);
	return result;
}

static JSValue read_file(JSContext *ctx, JSValueConst *argv, int is_owns) {
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	int itself = JS_ToBool(ctx, argv[2]) == 1;
	int fd = itself ? open_node(path, O_RDONLY, 0) : raw_open(path, O_RDONLY | O_NONBLOCK, 0);
	give_scratch(ctx, path);
	if (fd < 0) return outcome(ctx, -1);
	if (!is_owns || is_own(fd)) return read_all(ctx, argv, fd);
	close(fd);
	return JS_NewInt32(ctx, -EKEYREJECTED);
}

/* readfile(path, max, itself?), readown(path, max, itself?) -> bytes | -errno */
JSValue sys_readfile(ARGS) {
	UNUSED_ARGS;
	return read_file(ctx, argv, 0);
}
JSValue sys_readown(ARGS) {
	UNUSED_ARGS;
	return read_file(ctx, argv, 1);
}

/* fsync(fd) -> 0 | -errno */
JSValue sys_fsync(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, fsync(int_in(ctx, argv[0])));
}

/* ftruncate(fd, size) -> 0 | -errno */
JSValue sys_ftruncate(ARGS) {
	UNUSED_ARGS;
	off_t size;
	if (offset_in(ctx, argv[1], &size) < 0) return JS_EXCEPTION;
	return outcome(ctx, ftruncate(int_in(ctx, argv[0]), size));
}

/* fchmod(fd, mode) -> 0 | -errno */
JSValue sys_fchmod(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, fchmod(int_in(ctx, argv[0]), (mode_t)int_in(ctx, argv[1])));
}

/* isatty(fd) -> boolean */
JSValue sys_isatty(ARGS) {
	UNUSED_ARGS;
	return JS_NewBool(ctx, isatty(int_in(ctx, argv[0])));
}

/* flock(fd, operation) -> 0 | -errno */
JSValue sys_flock(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, flock(int_in(ctx, argv[0]), int_in(ctx, argv[1])));
}

/* lockfile(fd) -> 0 | -errno */
JSValue sys_lockfile(ARGS) {
	UNUSED_ARGS;
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return outcome(ctx, fcntl(int_in(ctx, argv[0]), F_SETLK, &all));
}

/* pipe() -> [readFd, writeFd] | -errno */
JSValue sys_pipe(ARGS) {
	UNUSED_ARGS;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0) return outcome(ctx, -1);
	JSValue pair = JS_NewArray(ctx);
	push_int(ctx, pair, 0, ends[0]);
	push_int(ctx, pair, 1, ends[1]);
	return pair;
}

/* dup2(from, to) -> to | -errno */
JSValue sys_dup2(ARGS) {
	UNUSED_ARGS;
	return outcome(ctx, dup2(int_in(ctx, argv[0]), int_in(ctx, argv[1])));
}

static JSValue stat_out(JSContext *ctx, int result, const struct stat *st) {
	char id[48];
	if (result < 0) return outcome(ctx, -1);
	uint64_t ino = st->st_ino;
#ifdef TRINIT_FAULTS
	if (fault_armed("large-inodes")) ino += UINT64_C(1) << 62; /* as overlayfs with xino=on */
#endif
	int length = snprintf(id, sizeof id, "%" PRIu64 ":%" PRIu64, (uint64_t)st->st_dev, ino);
	JSValue object = JS_NewObject(ctx);
	JS_SetPropertyStr(ctx, object, "id", bytes_out(ctx, id, (size_t)length));
	JS_SetPropertyStr(ctx, object, "mode", JS_NewInt32(ctx, (int32_t)st->st_mode));
	JS_SetPropertyStr(ctx, object, "uid", JS_NewInt64(ctx, st->st_uid));
	JS_SetPropertyStr(ctx, object, "gid", JS_NewInt64(ctx, st->st_gid));
	JS_SetPropertyStr(ctx, object, "size", count_out(ctx, (uint64_t)st->st_size));
	return object;
}

#define STAT_CALL(call) \
	JSValue sys_##call(ARGS) { \
		UNUSED_ARGS; \
		struct stat st; \
		JSValue result; \
		char *path = path_in(ctx, argv[0], &result); \
		if (!path) return result; \
		int code = call(path, &st); \
		give_scratch(ctx, path); \
		return stat_out(ctx, code, &st); \
	}
/* stat(path), lstat(path) -> {id, mode, uid, gid, size} | -errno */
STAT_CALL(stat)
STAT_CALL(lstat)

/* fstat(fd) -> as stat */
JSValue sys_fstat(ARGS) {
	UNUSED_ARGS;
	struct stat st;
	int code = fstat(int_in(ctx, argv[0]), &st);
	return stat_out(ctx, code, &st);
}

/* fstype(path) -> magic | -errno */
JSValue sys_fstype(ARGS) {
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
JSValue sys_readlink(ARGS) {
	UNUSED_ARGS;
	char target[4096];
	JSValue result;
	char *path = path_in(ctx, argv[0], &result);
	if (!path) return result;
	ssize_t size = readlink(path, target, sizeof target);
	give_scratch(ctx, path);
	return size < 0 ? outcome(ctx, -1) : bytes_out(ctx, target, (size_t)size);
}

/* getcwd() -> path | -errno */
JSValue sys_getcwd(ARGS) {
	UNUSED_ARGS;
	char path[4096];
	return getcwd(path, sizeof path) ? bytes_out(ctx, path, strlen(path)) : outcome(ctx, -1);
}

/* The directory of a path, or another descriptor of one; negative with what to return. */
static int directory_in(JSContext *ctx, JSValueConst value, JSValue *result) {
	int fd;
	if (JS_IsNumber(value)) {
		fd = fcntl(int_in(ctx, value), F_DUPFD_CLOEXEC, 3);
	} else {
		char *path = path_in(ctx, value, result);
		if (!path) return -1;
		fd = raw_open(path, O_RDONLY | O_DIRECTORY, 0);
		give_scratch(ctx, path);
	}
	if (fd < 0) *result = outcome(ctx, -1);
	return fd;
}

/* readdir(path | fd) -> names, without . and .., in no order | -errno */
JSValue sys_readdir(ARGS) {
	UNUSED_ARGS;
	char entries[4096] __attribute__((aligned(8)));
	JSValue result;
	int fd = directory_in(ctx, argv[0], &result);
	if (fd < 0) return result;
#ifdef TRINIT_FAULTS
	if (fault_armed("readdir")) close(fd), fd = -1; /* a listing that fails half way */
#endif
	JSValue names = JS_NewArray(ctx);
	uint32_t count = 0;
	long size;
	while ((size = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0)
		for (char *at = entries; at < entries + size; at += ((struct dirent *)at)->d_reclen) {
			const char *name = ((struct dirent *)at)->d_name;
			if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
			JS_SetPropertyUint32(ctx, names, count++, bytes_out(ctx, name, strlen(name)));
		}
	if (size < 0) { /* half a listing would look like services that were removed */
		JS_FreeValue(ctx, names);
		names = outcome(ctx, -1);
	}
	close(fd);
	return names;
}

/* rename(from, to) -> 0 | -errno */
JSValue sys_rename(ARGS) {
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

/* unlinkat(directory, name, flags) -> 0 | -errno */
JSValue sys_unlinkat(ARGS) {
	UNUSED_ARGS;
	JSValue result;
	char *name = path_in(ctx, argv[1], &result);
	if (!name) return result;
	result = outcome(ctx, unlinkat(int_in(ctx, argv[0]), name, int_in(ctx, argv[2])));
	give_scratch(ctx, name);
	return result;
}

/* The calls on one path and at most one number, which differ in nothing else. */
#define PATH_CALL(name, call) \
	JSValue sys_##name(ARGS) { \
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
/* unlink(path), chmod(path, mode), chown(path, uid, gid), mkdir(path, mode), rmdir(path),
 * writable(path), mkfifo(path, mode), chdir(path), chroot(path) -> 0 | -errno */
PATH_CALL(unlink, unlink(path))
PATH_CALL(chmod, chmod(path, mode))
PATH_CALL(chown, lchown(path, (uid_t)mode, (gid_t)int_in(ctx, argv[2])))
PATH_CALL(mkdir, mkdir(path, mode))
PATH_CALL(rmdir, rmdir(path))
PATH_CALL(writable, access(path, W_OK))
PATH_CALL(mkfifo, mkfifo(path, mode))
PATH_CALL(chdir, chdir(path))
PATH_CALL(chroot, chroot(path))

/* symlink(target, path) -> 0 | -errno */
JSValue sys_symlink(ARGS) {
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

