// Plans: kernels that run one after the other in one region.
//
// a. A kernel is a struct of sizes and pointers. It says whether its work pays for a team (pays), how much memory it needs
//    besides its arrays (scratch), and does one member's share when every member of a team calls it.
// b. A function of the table makes such a struct and hands it to submit(), which runs it, and keeps a copy of it while a
//    plan is being recorded. Running the plan runs the copies, with a barrier between two of them: a kernel may read what
//    the one before it wrote, and the scratch serves one at a time.
// c. A plan runs on the arrays that it was recorded with. Where a later step brings its own (the inputs, the labels), the
//    address is exchanged in all kernels that have it. A kernel holds addresses of whole arrays only, in words of their
//    own; a size is never as large as an address, and a number that looks like one would be subnormal.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

#include "table.hpp"
#include "team.hpp"
#include "workspace.hpp"

namespace FASTDL_LEVEL {

// Memory that the team shares, and that a member has of its own; aligned to 64 bytes.
struct Memory {
  char* shared;
  char* own;
};

// How many bytes of it.
struct Scratch {
  index shared;
  index own;
};

inline Scratch largest_of(Scratch a, Scratch b) { return {std::max(a.shared, b.shared), std::max(a.own, b.own)}; }

template <class K>
auto scratch_of(const K& kernel, int) -> decltype(kernel.scratch()) { return kernel.scratch(); }
template <class K>
Scratch scratch_of(const K&, long) { return {0, 0}; }

// The functions of one type of kernels.
struct Type {
  bool (*pays)(const void*);
  Scratch (*scratch)(const void*);
  void (*run)(const void*, const Team&, Memory);
};

template <class K>
constexpr Type type_of = {
    [](const void* kernel) { return static_cast<const K*>(kernel)->pays(); },
    [](const void* kernel) { return scratch_of(*static_cast<const K*>(kernel), 0); },
    [](const void* kernel, const Team& team, Memory memory) { (*static_cast<const K*>(kernel))(team, memory); }};

struct Recorded {
  const Type* type;
  alignas(16) char kernel[224];
};

inline index aligned(index bytes) { return ceil_div(bytes, 64) * 64; }

// Calls work(team, memory) on every member of a team. False, with nothing done, where there is no memory.
template <class Work>
bool run_with_memory(int threads, Scratch scratch, Work work) {
  const index shared = aligned(scratch.shared), own = aligned(scratch.own);
  char* memory = static_cast<char*>(workspace(shared + threads * own + 64));
  if (!memory) return false;
  run(threads, [&](const Team& team) { work(team, Memory{memory, memory + shared + team.rank * own}); });
  return true;
}

}  // namespace FASTDL_LEVEL

struct fastdl_plan {
  std::vector<FASTDL_LEVEL::Recorded> kernels;
  bool is_whole = true;  // false after a kernel for which there was no memory
};

namespace FASTDL_LEVEL {

template <class K>
bool submit(fastdl_queue queue, const K& kernel) {
  static_assert(std::is_trivially_copyable_v<K> && sizeof(K) <= sizeof(Recorded::kernel));
  if (queue.plan) {
    try {
      Recorded copy{&type_of<K>, {}};
      std::memcpy(copy.kernel, &kernel, sizeof kernel);
      queue.plan->kernels.push_back(copy);
    } catch (const std::bad_alloc&) {
      queue.plan->is_whole = false;
    }
  }
  return run_with_memory(kernel.pays() ? queue.threads : 1, scratch_of(kernel, 0),
                         [&](const Team& team, Memory memory) { kernel(team, memory); });
}

inline fastdl_plan* new_plan() { return new (std::nothrow) fastdl_plan; }
inline void delete_plan(fastdl_plan* plan) { delete plan; }
inline bool is_whole(const fastdl_plan* plan) { return plan->is_whole; }

// Exchanges an address; returns in how many places.
inline fastdl_index rebind(fastdl_plan* plan, const void* from, const void* to) {
  fastdl_index places = 0;
  for (Recorded& each : plan->kernels)
    for (std::size_t i = 0; i < sizeof each.kernel; i += sizeof from)
      if (std::memcmp(each.kernel + i, &from, sizeof from) == 0) {
        std::memcpy(each.kernel + i, &to, sizeof to);
        ++places;
      }
  return places;
}

// Runs the plan's kernels, and then `last`.
template <class K>
bool run_plan(int threads, const fastdl_plan* plan, const K& last) {
  Scratch scratch = scratch_of(last, 0);
  bool pays = last.pays();
  for (const Recorded& each : plan->kernels) {
    scratch = largest_of(scratch, each.type->scratch(each.kernel));
    pays = pays || each.type->pays(each.kernel);
  }
  return run_with_memory(pays ? threads : 1, scratch, [&](const Team& team, Memory memory) {
    for (const Recorded& each : plan->kernels) {
      each.type->run(each.kernel, team, memory);
      team.barrier();
    }
    last(team, memory);
  });
}

}  // namespace FASTDL_LEVEL
