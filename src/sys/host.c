/* Starts the engine, picks the program by the name it was called with, or that of a link on the
 * way from there, loads the bytecode of its family and calls its main(argv). Nothing here decides
 * anything else. */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sys.h"

struct applet {
	const char *name;    /* as called: the program's, or an alias */
	const char *program; /* whose main it is */
	const uint8_t *code; /* the bytecode of its family */
	const uint32_t *code_size;
};
#include "applets.h" /* made by the build from src/applets.ts */

struct start start;

static const struct applet *find_applet(const char *name) {
	for (size_t i = 0; i < sizeof applets / sizeof *applets; i++)
		if (strcmp(applets[i].name, name) == 0) return &applets[i];
	return NULL;
}

static const char *base_name(const char *path) {
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* The first program that links lead to, as /etc/init.d/web leads to sv and further to trinit. */
__attribute__((noinline)) static const struct applet *follow_links(const char *path) {
	char at[PATH_MAX], target[PATH_MAX];
	if (!path || strlen(path) >= sizeof at) return NULL;
	strcpy(at, path);
	for (int links = 0; links < 40; links++) {
		const struct applet *applet = find_applet(base_name(at));
		if (applet) return applet;
		ssize_t got = readlink(at, target, sizeof target - 1);
		if (got < 0) return NULL;
		target[got] = 0;
		size_t kept = target[0] == '/' ? 0 : (size_t)(base_name(at) - at);
		if (kept + (size_t)got >= sizeof at) return NULL;
		strcpy(at + kept, target);
	}
	return NULL;
}

/* A descriptor below 3 that is closed would be the next one opened, and a lock or a pipe would get
 * what is meant for stderr. Closed again in what is started, unless that is given it. */
static void hold_standard_fds(void) {
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0) continue;
		if (open("/dev/null", O_RDWR | O_CLOEXEC) < 0)
			(void)!open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
}

#ifndef TRINIT_ASAN
/* Tables of pointers that nobody changes any more, which a dynamic linker would protect. */
static void protect_tables(void) {
	const Elf64_Phdr *at = (const Elf64_Phdr *)getauxval(AT_PHDR);
	uintptr_t page = getauxval(AT_PAGESZ);
	for (size_t left = at ? getauxval(AT_PHNUM) : 0; left > 0; left--, at++) {
		if (at->p_type != PT_GNU_RELRO) continue;
		uintptr_t from = at->p_vaddr & -page, to = (at->p_vaddr + at->p_memsz) & -page;
		if (to > from) mprotect((void *)from, to - from, PROT_READ);
	}
}
#endif

/* argv and the environment lie behind each other; a title may use what argv has. */
static void remember_start(int argc, char **argv) {
	remember_signals();
	if (getpid() == 1) block_signals();
	if (argc < 1) return;
	start.title = argv[0];
	char *end = argv[0];
	for (int i = 0; i < argc && argv[i] == end; i++) end = argv[i] + strlen(argv[i]) + 1;
	start.title_size = (size_t)(end - argv[0]);
}

/* Everything the bundles use, and no more: see docs/ENGINE.md. The bytecode is first: while no
 * other names have numbers than those that it was compiled for, it is not copied. */
static JSContext *new_context(JSRuntime *rt, const struct applet *applet, JSValue *code) {
	int flags = JS_READ_OBJ_BYTECODE | JS_READ_OBJ_ROM_DATA;
	JSContext *ctx = JS_NewContextRaw(rt);
	if (!ctx) return NULL;
	*code = JS_ReadObject(ctx, applet->code, *applet->code_size, flags);
	if (JS_IsException(*code) || JS_AddIntrinsicBaseObjects(ctx) < 0 ||
	    JS_AddIntrinsicMapSet(ctx) < 0 || JS_AddIntrinsicTypedArrays(ctx) < 0 ||
	    sys_install(ctx) < 0)
		return NULL;
	return ctx;
}

static JSValue argv_array(JSContext *ctx, int argc, char **argv) {
	JSValue array = JS_NewArray(ctx);
	for (int i = 0; i < argc; i++)
		JS_SetPropertyUint32(ctx, array, (uint32_t)i, bytes_out(ctx, argv[i], strlen(argv[i])));
	return array;
}

/* Runs the family's bundle, which leaves its programs in the global `programs`,
 * and calls the one asked for. */
static JSValue run_applet(JSContext *ctx, JSValue code, const char *program, int argc,
                          char **argv) {
	JSValue loaded = JS_EvalFunction(ctx, code);
	if (JS_IsException(loaded)) return loaded;
	JS_FreeValue(ctx, loaded);

	JSValue global = JS_GetGlobalObject(ctx);
	JSValue programs = JS_GetPropertyStr(ctx, global, "programs");
	JSValue main = JS_GetPropertyStr(ctx, programs, program);
	JSValue args = argv_array(ctx, argc, argv);
	JSValue code_out = JS_Call(ctx, main, JS_UNDEFINED, 1, (JSValueConst *)&args);
	JS_FreeValue(ctx, args);
	JS_FreeValue(ctx, main);
	JS_FreeValue(ctx, programs);
	JS_FreeValue(ctx, global);
	return code_out;
}

static int is_subcommand(const char *word) {
	for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
		if (strcmp(subcommands[i], word) == 0) return 1;
	return 0;
}

/* Who is started: `trinit NAME` is that program. As process 1, what is no word of ours is a
 * command, and so is one that becomes another (chpst): this is the entrypoint of a container. The
 * words behind init come from the kernel on a machine, and mean nothing; in a container, from
 * people. */
static const struct applet *choose(const char *word, const struct applet *called, int *is_named) {
	int is_first = getpid() == 1;
	if (strcmp(called->name, "trinit") == 0) {
		if (is_first && is_booted()) return find_applet("init"); /* init=/sbin/trinit */
		const struct applet *named = word ? find_applet(word) : NULL;
		*is_named = named && !(is_first && named->code == code_chain);
		if (*is_named) return named;
		if (!is_first || (word && is_subcommand(word))) return called;
		return find_applet(word ? "entrypoint" : "init");
	}
	int is_init = strcmp(called->program, "init") == 0;
	if (!is_first || !is_init || !word || !is_container()) return called;
	int is_ours = strcmp(word, "--resumed") == 0 || strcmp(word, "--entrypoint") == 0;
	return is_ours ? called : find_applet("entrypoint");
}

int main(int argc, char **argv) {
#ifndef TRINIT_ASAN
	protect_tables();
#endif
	const char *name = argc > 0 ? base_name(argv[0]) : "trinit";
	const struct applet *called = find_applet(name);
	if (!called) called = follow_links((const char *)getauxval(AT_EXECFN));
	if (!called) called = find_applet("trinit");
	int is_named = 0;
	const struct applet *applet = choose(argc > 1 ? argv[1] : NULL, called, &is_named);
	if (is_named) argc--, argv++;
	/* With one process to look after, little is lost when memory is short: it is that one's. */
	keeps_heap = getpid() == 1 && applet->code != code_entrypoint;
	/* ENTRYPOINT ["/trinit"], init=/sbin/trinit: started over, it has to be init again. */
	int is_init = applet != called && !is_named && strcmp(applet->name, "init") == 0;
	prctl(PR_SET_NAME, applet->name); /* also when called by another path, as /proc/self/exe */
	hold_standard_fds();
	remember_start(argc, argv);
	if (is_init) argv[0] = (char *)applet->name;
	remember_call(argc, argv);

#ifdef TRINIT_ASAN
	JSRuntime *rt = JS_NewRuntime(); /* every block the sanitizer's */
#else
	JSRuntime *rt = JS_NewRuntime2(&heap_functions, NULL);
#endif
	if (rt) engine_collector_off(rt);
	JSValue bundle = JS_UNDEFINED;
	JSContext *ctx = rt ? new_context(rt, applet, &bundle) : NULL;
#ifdef TRINIT_FAULTS
	if (fault_armed("engine")) ctx = NULL;
#endif
	if (!ctx) {
		char why[96];
		snprintf(why, sizeof why, "%s: fatal: unable to start the engine: out of memory\n",
		         applet->name);
		if (getpid() != 1) fputs(why, stderr);
		rescue(why); /* process 1 does not end */
	}
	JSValue result = run_applet(ctx, bundle, applet->program, argc, argv);
	int code = run_program(ctx, result, applet->name);
#ifdef TRINIT_ASAN
	JS_FreeValue(ctx, result); /* so that what leaks is seen */
	JS_FreeContext(ctx);
	JS_FreeRuntime(rt);
	exit(code);
#else
	_exit(code);
#endif
}
