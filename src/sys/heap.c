/* The engine's memory, laid out so that a forked supervisor shares as much of it as can be.
 *
 * Reading a JavaScript object writes to it: the engine counts references in it. So a child
 * dirties nearly every page it uses, though most of them hold, once it waits again, just what
 * they held before. heap_freeze() makes the arena a private mapping of a memory file, before the
 * first fork; heap_settle(), before every wait, gives back each page that equals the file, which
 * all processes share, free pages, and the part of the stack that is not in use.
 *
 * The engine takes small blocks from pools of one page each, with reference counts in them: a
 * pool that straddles two pages would dirty both. So a request of about a page gets a whole
 * one, from the bottom of an arena beside the program's data (which costs no page table of its
 * own). Larger and odd blocks are packed from the arena's top, in size classes; those above
 * 16 kB are mappings of their own. */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys.h"

#define PAGE 4096
#define ARENA (160 * PAGE)    /* a supervisor needs 90 pages; another is mapped when it is full */
#define POOL_MIN (PAGE - 512) /* the engine's pools are 4096 bytes less than one block of 512 */
#define CLASSES 52
#define LARGE CLASSES

/* In front of every block that is no page; its address is never a multiple of the page. */
struct head {
	uint32_t size_class;
	uint32_t size; /* usable bytes */
};

union freed {
	union freed *next;
	struct head head;
};

static _Alignas(PAGE) char arena[ARENA];
static char *bottom, *top; /* not initialised: on the page with the others, which is dirty anyway */
static const char *frozen; /* the arena as it was, read-only; NULL: not frozen */
static size_t frozen_gap, frozen_top; /* between these offsets it was not in use */
static union freed *free_pages, *free_blocks[CLASSES];
static uint8_t spare[ARENA / PAGE]; /* free pages of the arena, by number: nothing is in them */
static size_t spare_count;

/* 16, 32 ... 512, then four steps to every doubling, up to 16 kB. */
static unsigned class_of(size_t size) {
	if (size <= 512) return (unsigned)((size - 1) / 16);
	unsigned doubling = 63 - (unsigned)__builtin_clzll(size - 1); /* 9 for 513..1024 */
	unsigned class = 32 + (doubling - 9) * 4 + ((unsigned)((size - 1) >> (doubling - 2)) & 3);
	return class < CLASSES ? class : LARGE;
}

static uint32_t class_size(unsigned class) {
	if (class < 32) return (class + 1) * 16;
	unsigned doubling = 9 + (class - 32) / 4, step = (class - 32) % 4;
	return (1u << doubling) + ((step + 1) << (doubling - 2));
}

static int is_page(const void *memory) {
	return ((uintptr_t)memory & (PAGE - 1)) == 0;
}

static void *map(size_t size) {
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return at == MAP_FAILED ? NULL : at;
}

/* Room for `size` bytes between bottom and top; what is left of a full arena stays unused. */
static int make_room(size_t size) {
	if (!top) bottom = arena, top = arena + ARENA;
	if ((size_t)(top - bottom) >= size) return 1;
	char *next = map(ARENA);
	if (!next) return 0;
	bottom = next, top = next + ARENA;
	return 1;
}

static int is_arena_page(const void *memory) {
	return (const char *)memory >= arena && (const char *)memory < arena + ARENA;
}

static void *take_page(void) {
	if (spare_count > 0) return arena + PAGE * (size_t)spare[--spare_count];
	union freed *page = free_pages;
	if (page) {
		free_pages = page->next;
		return page;
	}
	if (!make_room(PAGE)) return NULL;
	bottom += PAGE;
	return bottom - PAGE;
}

static void *take_block(size_t size) {
	unsigned class = class_of(size);
	struct head *head;
	if (class == LARGE) {
		size_t mapped = (size + sizeof *head + PAGE - 1) & ~(size_t)(PAGE - 1);
		if (mapped > UINT32_MAX || !(head = map(mapped))) return NULL;
		*head = (struct head){LARGE, (uint32_t)(mapped - sizeof *head)};
		return head + 1;
	}
	union freed *block = free_blocks[class];
	if (block) {
		free_blocks[class] = block->next;
		return block;
	}
	size_t whole = sizeof *head + class_size(class);
	if (!make_room(whole + PAGE)) return NULL;
	top -= whole;
	head = (struct head *)top;
	if (is_page(head + 1)) { /* that address would tell of a page: leave a gap */
		top -= sizeof *head;
		head--;
	}
	*head = (struct head){class, class_size(class)};
	return head + 1;
}

static size_t usable_size(const void *memory) {
	if (!memory) return 0;
	return is_page(memory) ? PAGE : ((const struct head *)memory - 1)->size;
}

static void *heap_malloc(JSMallocState *state, size_t size) {
	if (size == 0) return NULL;
	void *memory = size > POOL_MIN && size <= PAGE ? take_page() : take_block(size);
	if (!memory) return NULL;
	state->malloc_count++;
	state->malloc_size += usable_size(memory);
	return memory;
}

static void heap_free(JSMallocState *state, void *memory) {
	if (!memory) return;
	state->malloc_count--;
	state->malloc_size -= usable_size(memory);
	struct head *head = (struct head *)memory - 1;
	if (!is_page(memory) && head->size_class == LARGE) {
		munmap(head, head->size + sizeof *head);
		return;
	}
	if (is_page(memory) && is_arena_page(memory)) {
		spare[spare_count++] = (uint8_t)((size_t)((char *)memory - arena) / PAGE);
		return;
	}
	union freed **list = is_page(memory) ? &free_pages : &free_blocks[head->size_class];
	((union freed *)memory)->next = *list;
	*list = memory;
}

static void *heap_realloc(JSMallocState *state, void *memory, size_t size) {
	size_t before = usable_size(memory);
	if (memory && size <= before && size > before / 4) return memory;
	void *moved = heap_malloc(state, size);
	if (moved && memory) memcpy(moved, memory, size < before ? size : before);
	if (moved || size == 0) heap_free(state, memory);
	return moved;
}

const JSMallocFunctions heap_functions = {heap_malloc, heap_free, heap_realloc, usable_size};

/* --- Sharing ------------------------------------------------------------------------- */

static int write_whole(int fd, const char *bytes, size_t size) {
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);
		if (written <= 0) return -1;
		bytes += written, size -= (size_t)written;
	}
	return 0;
}

/* Puts a private mapping of the file in the arena's place, and a shared one beside it. Moving a
 * mapping there needs no memory of the kernel's, so it cannot fail with the place left empty. */
static void share(int fd) {
	void *copy = mmap(NULL, ARENA, PROT_READ, MAP_SHARED, fd, 0);
	void *own = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	int how = MREMAP_MAYMOVE | MREMAP_FIXED;
	if (copy != MAP_FAILED && own != MAP_FAILED && mremap(own, ARENA, ARENA, how, arena) == arena) {
		int inside = bottom >= arena && bottom <= arena + ARENA; /* or it has moved on */
		size_t used = inside ? (size_t)(bottom - arena) : ARENA;
		frozen_gap = (used + PAGE - 1) & ~(size_t)(PAGE - 1);
		frozen_top = inside ? (size_t)(top - arena) & ~(size_t)(PAGE - 1) : ARENA;
		frozen = copy;
		return;
	}
	if (copy != MAP_FAILED) munmap(copy, ARENA);
	if (own != MAP_FAILED) munmap(own, ARENA);
}

void heap_freeze(void) {
	static int tried;
#ifdef TRINIT_ASAN
	tried = 1; /* the engine's blocks are elsewhere, and the sanitizer wants to see the stack */
#endif
	if (tried++) return;
	struct rlimit limit; /* which counts for a memory file, too, and is enforced by a signal */
	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur < ARENA) return;
	int fd = memfd_create("trinit-heap", MFD_CLOEXEC);
	if (fd < 0) return; /* nothing is lost but memory */
	if (write_whole(fd, arena, ARENA) == 0) share(fd);
	close(fd);
}

/* Pages of the stack below this frame hold nothing that is needed any more, but for the frame of
 * the call that gives them back. */
static void give_back_stack(void) {
	char here;
	uintptr_t low = ((uintptr_t)&here - 1024) & ~(uintptr_t)(PAGE - 1);
	madvise((void *)(low - 32 * PAGE), 32 * PAGE, MADV_DONTNEED);
}

/* Gives back the pages of a part of the arena that are as they were. */
static void settle(size_t from, size_t end) {
	for (size_t to; from < end; from = to) {
		int same = memcmp(arena + from, frozen + from, PAGE) == 0;
		for (to = from + PAGE; to < end; to += PAGE)
			if ((memcmp(arena + to, frozen + to, PAGE) == 0) != same) break;
		if (same) madvise(arena + from, to - from, MADV_DONTNEED);
	}
}

void heap_settle(void) {
	if (!frozen) return;
	settle(0, frozen_gap);
	settle(frozen_top, ARENA);
	for (size_t i = 0; i < spare_count; i++)
		madvise(arena + PAGE * (size_t)spare[i], PAGE, MADV_DONTNEED);
	give_back_stack();
}
