/*
 * Split, zap and fault of huge pages on CPUs with a TLB, a walker and shootdown interrupts, one shared access a transition.
 * The same as packages/explore/test/svz.ts has by labels, so that both searches can be compared state by state.
 *
 * -DPAGES=1|2 -DCPUS=1|2 -DACCESSES=2|3, -DFAULT for a process that faults page 0 in, -DSPLIT1 for one that splits page 1.
 */
#define NONE	0
#define HUGE	1
#define INVALID	2
#define TABLE	3

byte pmd[PAGES] = HUGE;
byte pte[PAGES];
byte locked[PAGES];
byte freed[PAGES];
byte interrupt[CPUS];
byte walking[CPUS];
byte tlb[PAGES * CPUS];

#define entry(cpu, page) tlb[(cpu) * PAGES + (page)]

inline take(page) { d_step { locked[page] == 0 -> locked[page] = 1 } }

/* Interrupts every CPU, then waits for each. */
#if CPUS == 1
#define SHOOTDOWN interrupt[0] = 1; interrupt[0] == 0
#else
#define SHOOTDOWN interrupt[0] = 1; interrupt[1] = 1; interrupt[0] == 0; interrupt[1] == 0
#endif

inline split(page) {
	take(page);
	if
	:: pmd[page] != HUGE
	:: pmd[page] == HUGE ->
		pmd[page] = INVALID;
		SHOOTDOWN;
		pte[page] = 1;
		pmd[page] = TABLE
	fi;
	locked[page] = 0;
end:	false
}

inline zap(page) {
	if
	:: pmd[page] == NONE -> goto end
	:: pmd[page] != NONE
	fi;
	take(page);
	if
	:: pmd[page] == NONE -> goto give
	:: pmd[page] == INVALID -> assert(false)
	:: pmd[page] == TABLE -> pte[page] = 0
	:: pmd[page] == HUGE
	fi;
	pmd[page] = NONE;
	SHOOTDOWN;
	freed[page] = 1;
give:	locked[page] = 0;
end:	false
}

inline fault(page) {
	if
	:: pmd[page] != NONE -> goto end
	:: pmd[page] == NONE
	fi;
	take(page);
	if
	:: pmd[page] != NONE
	:: pmd[page] == NONE -> freed[page] = 0; pmd[page] = HUGE
	fi;
	locked[page] = 0;
end:	false
}

/* One use of a page: through the TLB, or by a walk that may fill it. */
#define FILL(cpu, page, size) \
	d_step { assert(entry(cpu, page) == 0 || entry(cpu, page) == size); entry(cpu, page) = size; walking[cpu] = 0 }
#define USE(cpu, page, next) \
	if \
	:: d_step { entry(cpu, page) != 0 -> assert(freed[page] == 0) } goto next \
	:: d_step { entry(cpu, page) == 0 -> walking[cpu] = 1 } \
	fi; \
	if \
	:: pmd[page] == HUGE -> FILL(cpu, page, 1) \
	:: pmd[page] == TABLE -> \
		if \
		:: pte[page] != 0 -> FILL(cpu, page, 2) \
		:: pte[page] == 0 -> walking[cpu] = 0 \
		fi \
	:: pmd[page] == NONE || pmd[page] == INVALID -> walking[cpu] = 0 \
	fi; \
next:

#if ACCESSES == 2
#define USES(cpu) USE(cpu, cpu % PAGES, first) USE(cpu, (cpu + 1) % PAGES, second) end: false
#else
#define USES(cpu) USE(cpu, cpu % PAGES, first) USE(cpu, (cpu + 1) % PAGES, second) USE(cpu, (cpu + 2) % PAGES, third) end: false
#endif

#if PAGES == 1
#define DROP(cpu) entry(cpu, 0) = 0
#else
#define DROP(cpu) entry(cpu, 0) = 0; entry(cpu, 1) = 0
#endif
#define HANDLER(cpu) end: do :: d_step { interrupt[cpu] == 1 && walking[cpu] == 0 -> DROP(cpu); interrupt[cpu] = 0 } od

active proctype Split0() { split(0) }
active proctype Zap0() { zap(0) }
#ifdef FAULT
active proctype Fault0() { fault(0) }
#endif
#ifdef SPLIT1
active proctype Split1() { split(1) }
#endif
active proctype Cpu0() { USES(0) }
active proctype Handler0() { HANDLER(0) }
#if CPUS == 2
active proctype Cpu1() { USES(1) }
active proctype Handler1() { HANDLER(1) }
#endif
