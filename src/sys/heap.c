/* The engine's memory, laid out so that many processes that wait have little of it each.
 *
 * Reading a JavaScript object writes to it: the engine counts references in it. So a forked child
 * has soon written to most pages of the heap, though most of them hold just what they held before,
 * and the others differ in a few words. heap_freeze() makes the arena a private mapping of a
 * memory file, before the first fork, which all children share. heap_pack(), when a process has
 * waited for a while, writes down what differs from the file, word by word, and gives back all
 * pages; a process without a file writes down what is not 0. heap_unpack() makes them again.
 *
 * The engine takes small blocks from pools of one page each, with reference counts in them: a
 * pool that straddles two pages would dirty both. So a request of about a page gets a whole
 * one, from the bottom of an arena beside the program's data (which costs no page table of its
 * own). Larger and odd blocks are packed from the arena's top, in size classes; those above
 * 16 kB are mappings of their own. Who has thousands of services needs more: a second arena of
 * pieces, as many as it takes, which is shared and packed as the first is. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys.h"

#define PAGE 4096
#define ARENA (160 * PAGE)    /* a supervisor needs 90 pages; more begins when it is full */
#define MORE (100 * ARENA)    /* addresses that are reserved for that; a service takes 1 kB */
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

/* A common symbol: the linker puts it behind all variables, so that these lie together on two
 * pages, which every process writes to. For the same reason it is not aligned. */
char heap_room[PAGE + ARENA + ARENA / 2] __attribute__((common));
#define arena ((char *)(((uintptr_t)heap_room + PAGE - 1) & ~(uintptr_t)(PAGE - 1)))

static char *bottom, *top;
static char *more; /* the second arena */
static size_t more_size; /* of its pieces that are in use */

/* The arenas as they were when they were frozen, read-only; NULL: never. */
static const char *frozen, *frozen_more;
static size_t frozen_more_size;
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

/* A piece of the second arena; where it has no room, or may have none, a mapping by itself. */
static char *take_piece(void) {
	if (!more) {
		int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
		char *at = mmap(NULL, MORE, PROT_NONE, how, -1, 0);
		if (at != MAP_FAILED) more = at;
	}
	char *piece = more + more_size;
	if (!more || more_size == MORE || mprotect(piece, ARENA, PROT_READ | PROT_WRITE) < 0)
		return map(ARENA);
	more_size += ARENA;
	return piece;
}

/* Room for `size` bytes between bottom and top; what is left of a full piece stays unused. */
static int make_room(size_t size) {
	if (!top) bottom = arena, top = arena + ARENA;
	if ((size_t)(top - bottom) >= size) return 1;
	char *next = take_piece();
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

char *heap_title(void) {
	return arena + ARENA;
}

/* --- Sharing ------------------------------------------------------------------------- */

/* Pages of both arenas have numbers, as if the second were behind the first. */
static size_t page_count(void) {
	return (ARENA + more_size) / PAGE;
}

static char *page_at(size_t number) {
	return number < ARENA / PAGE ? arena + number * PAGE : more + number * PAGE - ARENA;
}

/* Those that are not in use yet are between bottom and top, in one of the pieces. */
static size_t number_of(const char *at) {
	if (at >= arena && at <= arena + ARENA) return (size_t)(at - arena) / PAGE;
	if (more && at >= more && at <= more + more_size) return (ARENA + (size_t)(at - more)) / PAGE;
	return page_count();
}

static size_t gap_begin(void) {
	return number_of(bottom);
}

static size_t gap_end(void) {
	return number_of(top);
}

static int write_pages(int fd, size_t from, size_t to) {
	for (; from < to; from++)
		if (pwrite(fd, page_at(from), PAGE, (off_t)(from * PAGE)) != PAGE) return -1;
	return 0;
}

static const char *base_of(size_t number) {
	if (number < ARENA / PAGE) return frozen ? frozen + number * PAGE : NULL;
	size_t at = number * PAGE - ARENA;
	return frozen_more && at < frozen_more_size ? frozen_more + at : NULL;
}

/* What the kernel tells of some pages: proc_pid_pagemap(5). */
struct page_map {
	int fd; /* -1: it does not */
	size_t from, count;
	uint64_t entries[64];
};

static int open_page_map(void) {
	return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

/* True for a page that is not there, or is that of the file. */
static int is_clean(struct page_map *map, size_t number) {
	if (map->fd >= 0 && number - map->from >= map->count) {
		size_t left = (number < ARENA / PAGE ? ARENA / PAGE : page_count()) - number;
		map->from = number, map->count = left < 64 ? left : 64;
		ssize_t size = (ssize_t)(map->count * sizeof *map->entries);
		off_t at = (off_t)((uintptr_t)page_at(number) / PAGE * sizeof *map->entries);
		if (pread(map->fd, map->entries, (size_t)size, at) != size) close(map->fd), map->fd = -1;
	}
	if (map->fd < 0) return 0;
	uint64_t entry = map->entries[number - map->from];
	return !(entry & UINT64_C(3) << 62) || entry & UINT64_C(1) << 61; /* present, swapped; file */
}

/* Puts a private mapping of a part of the file in the place of memory. Moving it there takes a few
 * hundred bytes of the kernel's memory, which it finds unless it ends us. */
static int replace(char *at, size_t size, int fd, size_t offset) {
	if (size == 0) return 0;
	void *own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, (off_t)offset);
	if (own == MAP_FAILED) return -1;
	if (mremap(own, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at) return 0;
	munmap(own, size);
	return -1;
}

/* Puts private mappings of the file in the arenas' places, and a shared one beside them. */
static void share(int fd) {
	char *copy = mmap(NULL, ARENA + more_size, PROT_READ, MAP_SHARED, fd, 0);
	if (copy == MAP_FAILED) return;
	const char *unused = copy, *unused_more = copy + ARENA;
	size_t unused_size = more_size;
	if (replace(arena, ARENA, fd, 0) == 0) unused = frozen, frozen = copy;
	if (replace(more, more_size, fd, ARENA) == 0) {
		unused_more = frozen_more, frozen_more = copy + ARENA;
		unused_size = frozen_more_size, frozen_more_size = more_size;
	}
	if (unused) munmap((void *)unused, ARENA);
	if (unused_more && unused_size > 0) munmap((void *)unused_more, unused_size);
}

/* Bytes, in whole words, by which the arenas differ from what they were. */
static size_t difference(void) {
	struct page_map map = {.fd = open_page_map()};
	size_t words = 0, gap = gap_begin(), count = page_count();
	for (size_t number = 0; number < count; number++) {
		if (number == gap) number = gap_end();
		if (number == count || is_clean(&map, number)) continue;
		const uint64_t *page = (const uint64_t *)page_at(number);
		const uint64_t *base = (const uint64_t *)base_of(number);
		for (int i = 0; i < PAGE / 8; i++) words += page[i] != (base ? base[i] : 0);
	}
	if (map.fd >= 0) close(map.fd);
	return words * 8;
}

/* All of the arenas in a memory file, which lives as long as a process that was forked then; what
 * differs from it is packed in every one that is forked later. So they are frozen anew, once that
 * is more than a file costs where one service after the other is added. */
#define REFREEZE (128 * 1024)

void heap_freeze(void) {
	static int failed;
	size_t count = page_count();
#ifdef TRINIT_ASAN
	failed = 1; /* the engine's blocks are elsewhere */
#endif
	if (failed || (frozen && difference() < REFREEZE)) return;
	failed = 1;
	if (getauxval(AT_PAGESZ) != PAGE) return; /* it gives back larger pages than ours */
	int fd = memfd_create("trinit-heap", MFD_CLOEXEC);
	if (fd < 0) return; /* nothing is lost but memory */
	if (ftruncate(fd, (off_t)(count * PAGE)) == 0 && write_pages(fd, 0, gap_begin()) == 0 &&
	    write_pages(fd, gap_end(), count) == 0) {
		share(fd);
		failed = 0;
	}
	close(fd);
}

/* --- Packing ------------------------------------------------------------------------- */

#define WORDS 8              /* of a line */
#define LINES (PAGE / WORDS / 8)
#define PACKED_MAX (LINES * (1 + WORDS * 9)) /* of a page */

/* Behind the arena and a title. Page after page: its number in two bytes, and for each line which
 * of its words differ, for each of these which of its bytes are not 0, and these. */
#define packed ((unsigned char *)arena + ARENA + TITLE_MAX)
#define PACKED (ARENA / 2 - TITLE_MAX)
static size_t packed_size;

static unsigned char *pack_page(unsigned char *out, const uint64_t *page, const uint64_t *base) {
	for (int line = 0; line < LINES; line++) {
		unsigned char *words = out++;
		*words = 0;
		for (int i = 0; i < WORDS; i++) {
			uint64_t word = *page++;
			if (word == (base ? *base++ : 0)) continue;
			*words |= (unsigned char)(1 << i);
			unsigned char *bytes = out++;
			*bytes = 0;
			for (int byte = 0; word; byte++, word >>= 8) {
				if (!(word & 0xff)) continue;
				*bytes |= (unsigned char)(1 << byte);
				*out++ = (unsigned char)word;
			}
		}
	}
	return out;
}

/* Only what differs is written: the rest of the page is as it was, given back or not (under an
 * emulator, or a filter of system calls, it may not have been). */
static const unsigned char *unpack_page(const unsigned char *in, uint64_t *page) {
	for (int line = 0; line < LINES; line++) {
		unsigned words = *in++;
		for (int i = 0; i < WORDS; i++, page++) {
			if (!(words & 1u << i)) continue;
			unsigned bytes = *in++;
			uint64_t word = 0;
			for (int byte = 0; byte < 8; byte++)
				if (bytes & 1u << byte) word |= (uint64_t)*in++ << 8 * byte;
			*page = word;
		}
	}
	return in;
}

/* Packs a page, of which nothing is kept where nothing differs; false when there is no room. */
static int pack(size_t number) {
	if (PACKED - packed_size < 2 + PACKED_MAX) return 0;
	unsigned char *out = packed + packed_size;
	*out++ = (unsigned char)number;
	*out++ = (unsigned char)(number >> 8);
	const uint64_t *page = (const uint64_t *)page_at(number);
	unsigned char *end = pack_page(out, page, (const uint64_t *)base_of(number));
	if (end > out + LINES) packed_size = (size_t)(end - packed);
	return 1;
}

/* Pages of the stack below this frame hold nothing that is needed any more, but for the frame of
 * the call that gives them back. */
static void give_back_stack(void) {
	char here;
	uintptr_t low = ((uintptr_t)&here - 1024) & ~(uintptr_t)(PAGE - 1);
	madvise((void *)(low - 32 * PAGE), 32 * PAGE, MADV_DONTNEED);
}

static void give_back_pages(size_t from, size_t to) {
	if (from < ARENA / PAGE && to > ARENA / PAGE) {
		give_back_pages(from, ARENA / PAGE);
		from = ARENA / PAGE;
	}
	if (from < to) madvise(page_at(from), (to - from) * PAGE, MADV_DONTNEED);
}

void heap_pack(void) {
#ifdef TRINIT_ASAN
	return; /* the engine's blocks are elsewhere, and the sanitizer wants to see the stack */
#endif
	if (getauxval(AT_PAGESZ) != PAGE) return;
	uint8_t is_spare[ARENA / PAGE] = {0};
	for (size_t i = 0; i < spare_count; i++) is_spare[spare[i]] = 1;
	struct page_map map = {.fd = open_page_map()};
	size_t from = 0, gap = gap_begin(), count = page_count();
	for (size_t number = 0; number < count; number++) {
		if (number == gap) number = gap_end();
		if (number == count || (number < ARENA / PAGE && is_spare[number])) continue;
		if (is_clean(&map, number) || pack(number)) continue;
		give_back_pages(from, number);
		from = number + 1;
	}
	give_back_pages(from, count);
	if (map.fd >= 0) close(map.fd);
	if (frozen) madvise((void *)frozen, ARENA, MADV_DONTNEED);
	if (frozen_more) madvise((void *)frozen_more, frozen_more_size, MADV_DONTNEED);
	give_back_stack();
}

void heap_unpack(void) {
	const unsigned char *in = packed, *end = packed + packed_size;
	if (in == end) return;
	while (in < end) {
		size_t number = in[0] | (size_t)in[1] << 8;
		in = unpack_page(in + 2, (uint64_t *)page_at(number));
	}
	madvise(arena + ARENA + PAGE, ARENA / 2 - PAGE, MADV_DONTNEED); /* the title stays */
	packed_size = 0;
}
