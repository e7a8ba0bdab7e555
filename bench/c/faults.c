/*
 * How many minor page faults per second does this kernel handle?
 *
 * usage: faults PAGES ROUNDS [huge|sparse]
 *
 * Each round maps fresh anonymous memory, writes one byte to every base page, and unmaps it; with `sparse` to one page of
 * every 2 MiB, so that each fault needs a page table of its own. Only the writing is timed, in
 * CPU time of the process, user and system. One line per round: faults taken (getrusage), nanoseconds.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static long long cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t huge = (size_t)2 << 20;
	size_t stride = page;
	long pages, rounds;
	int advice = MADV_NOHUGEPAGE;

	if (argc < 3 || (pages = atol(argv[1])) < 1 || (rounds = atol(argv[2])) < 1) {
		fprintf(stderr, "usage: %s PAGES ROUNDS [huge|sparse]\n", argv[0]);
		return 2;
	}
	if (argc > 3 && strcmp(argv[3], "huge") == 0)
		advice = MADV_HUGEPAGE;
	if (argc > 3 && strcmp(argv[3], "sparse") == 0)
		stride = huge;
	while (rounds-- > 0) {
		size_t bytes = (size_t)pages * stride;
		char *area = mmap(NULL, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		volatile char *first;
		long faults;
		long long start;

		if (area == MAP_FAILED) {
			perror("mmap");
			return 1;
		}
		first = (volatile char *)(((size_t)area + huge - 1) & ~(huge - 1));
		madvise((void *)first, bytes, advice);
		faults = minor_faults();
		start = cpu_ns();
		for (size_t at = 0; at < bytes; at += stride)
			first[at] = 1;
		start = cpu_ns() - start;
		printf("%ld %lld\n", minor_faults() - faults, start);
		munmap(area, bytes + huge);
	}
	return 0;
}
