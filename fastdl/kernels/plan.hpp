// Plans: kernels that run one after the other in one region.
//
// a. A function of the table makes a kernel and hands it to submit(), which runs it, and keeps a copy of it while a plan is
//    being recorded. Running the plan runs the copies: a kernel may read what the ones before it wrote.
// b. Kernels with phases that follow each other make a stage, where their arrays allow it: all prepare, each member takes
//    its rows through all of them, all finish. That takes two barriers, however many kernels there are, and what one leaves
//    of a row is still in the member's cache when the next one comes to it. A kernel without phases is a stage of its own.
// c. A plan runs on the arrays that it was recorded with. Where a later step brings its own (the inputs, the labels), the
//    address is exchanged in all places that have it.
#pragma once

#include <memory>
#include <vector>

#include "kernel.hpp"
#include "table.hpp"
#include "workspace.hpp"

namespace FASTDL_LEVEL {

// A kernel of a stage, and where its part of the shared memory begins.
struct Placed {
  const Kernel* kernel;
  index offset;

  Memory of(Memory memory) const { return {memory.shared + offset, memory.own}; }
};

// Kernels that run together, each of which has at least so many rows; with 0 rows it is one kernel as a whole.
struct Stage {
  const Placed* kernels;
  index count;
  index rows;
  index row_bytes;  // of the largest array that is cut
  Scratch scratch;
  bool prepares, finishes, pays;

  void operator()(const Team& team, Memory memory) const {
    if (rows == 0) return kernels[0].kernel->run(team, memory);
    if (prepares) {
      each([&](const Placed& placed) { placed.kernel->prepare(team, placed.of(memory)); });
      team.barrier();
    }
    share(team, [&](index begin, index end) {
      each([&](const Placed& placed) {
        const index times = placed.kernel->rows() / rows;
        placed.kernel->on_rows(begin * times, end * times, placed.of(memory));
      });
    });
    if (finishes) {
      team.barrier();
      each([&](const Placed& placed) { placed.kernel->finish(team, placed.of(memory)); });
    }
  }

 private:
  template <class Work>
  void each(Work work) const { std::for_each(kernels, kernels + count, work); }

  // Calls work(begin, end) for blocks of this member's rows, which together with what the kernels make of them stay in the
  // cache; from the last to the first, as what the member met last when it prepared is in the cache too. Of many rows a
  // member's begin on a cache line. No result depends on how the rows are cut.
  template <class Work>
  void share(const Team& team, Work work) const {
    constexpr index some = 16, block_bytes = 1 << 16, least = 6 * some;
    const index unit = rows < 64 * some ? 1 : some, units = ceil_div(rows, unit);
    const index begin = team.rank * units / team.size * unit;
    const index end = std::min((team.rank + 1) * units / team.size * unit, rows);
    const index block = std::max(block_bytes / std::max(row_bytes, index(1)) / some * some, least);
    for (index last = end; last > begin; last -= block) work(std::max(begin, last - block), last);
  }
};

// Whether a later kernel may not be in one stage with an earlier one because of these two: phases are in turn, and within
// one nobody waits for another, but a row of all arrays that are cut alike is one member's.
inline bool is_conflict(const Operand& earlier, const Operand& later) {
  if (!(earlier.is_written || later.is_written) || !earlier.overlaps(later)) return false;
  if (earlier.phase != later.phase) return earlier.phase > later.phase;
  return !(earlier.is_cut && later.is_cut && earlier.data == later.data && earlier.bytes == later.bytes);
}

inline bool is_conflict(const Kernel& earlier, const Kernel& later) {
  const Operands before = earlier.operands(), after = later.operands();
  return std::any_of(before.begin(), before.end(), [&](const Operand& one) {
    return std::any_of(after.begin(), after.end(), [&](const Operand& other) { return is_conflict(one, other); });
  });
}

inline Stage stage_of(const Placed* placed) {
  const Kernel& kernel = *placed->kernel;
  const index rows = kernel.rows();
  index row_bytes = 0;
  for (const Operand& operand : kernel.operands())
    if (operand.is_cut) row_bytes = std::max(row_bytes, operand.bytes / std::max(rows, index(1)));
  const Scratch scratch = kernel.scratch();
  return {placed, 1, rows, row_bytes, {aligned(scratch.shared), aligned(scratch.own)}, kernel.prepares(), kernel.finishes(),
          kernel.pays()};
}

inline index common_rows(const Stage& one, const Stage& other) {
  return one.rows == any_rows ? other.rows : other.rows == any_rows ? one.rows : std::min(one.rows, other.rows);
}

// Whether the kernels of both can run as one stage, the later ones after the others.
inline bool fit(const Stage& earlier, const Stage& later) {
  if (earlier.rows == 0 || later.rows == 0) return false;
  if (std::max(earlier.rows, later.rows) % common_rows(earlier, later) != 0) return false;
  return std::none_of(earlier.kernels, earlier.kernels + earlier.count,
                      [&](const Placed& each) { return is_conflict(*each.kernel, *later.kernels[0].kernel); });
}

// Both in one; the kernels lie one after the other.
inline Stage joined(const Stage& earlier, const Stage& later) {
  const index rows = common_rows(earlier, later);
  return {earlier.kernels,
          earlier.count + later.count,
          rows,
          std::max(earlier.row_bytes * (earlier.rows / rows), later.row_bytes * (later.rows / rows)),
          {earlier.scratch.shared + later.scratch.shared, std::max(earlier.scratch.own, later.scratch.own)},
          earlier.prepares || later.prepares,
          earlier.finishes || later.finishes,
          earlier.pays || later.pays};
}

}  // namespace FASTDL_LEVEL

struct fastdl_plan {
  std::vector<std::unique_ptr<FASTDL_LEVEL::Kernel>> kernels;
  std::vector<FASTDL_LEVEL::Placed> placed;
  std::vector<FASTDL_LEVEL::Stage> stages;
  std::vector<std::vector<char*>> inputs;  // the places of each one's address
  bool is_whole = true;  // false after a kernel for which there was no memory
};

namespace FASTDL_LEVEL {

// Runs stages, and then `last`, in one region. False, with nothing done, where there is no memory.
inline bool run_stages(int threads, const std::vector<Stage>& stages, const Stage& last) {
  Scratch scratch = last.scratch;
  bool pays = last.pays;
  for (const Stage& each : stages) {
    scratch = {std::max(scratch.shared, each.scratch.shared), std::max(scratch.own, each.scratch.own)};
    pays = pays || each.pays;
  }
  if (!pays) threads = 1;
  char* memory = static_cast<char*>(workspace(scratch.shared + threads * scratch.own + 64));
  if (!memory) return false;
  run(threads, [&](const Team& team) {
    const Memory part{memory, memory + scratch.shared + team.rank * scratch.own};
    for (const Stage& each : stages) {
      each(team, part);
      team.barrier();
    }
    last(team, part);
  });
  return true;
}

template <class K>
bool submit(fastdl_queue queue, const K& kernel) {
  const KernelOf<K> one(kernel);
  if (queue.plan) {
    try {
      queue.plan->kernels.emplace_back(one.copy());
      if (!queue.plan->kernels.back()) queue.plan->is_whole = false;
    } catch (const std::bad_alloc&) {
      queue.plan->is_whole = false;
    }
  }
  const Placed placed{&one, 0};
  return run_stages(queue.threads, {}, stage_of(&placed));
}

inline fastdl_plan* new_plan() { return new (std::nothrow) fastdl_plan; }
inline void delete_plan(fastdl_plan* plan) { delete plan; }

// Ends the recording: makes the stages, and finds the inputs. False where something is missing because there was no memory.
inline bool complete(fastdl_plan* plan, const void* const* inputs, fastdl_index count) {
  if (!plan->is_whole) return false;
  try {
    plan->inputs.resize(count);
    for (index i = 0; i < count; ++i)
      for (const auto& kernel : plan->kernels) kernel->find(inputs[i], plan->inputs[i]);
    plan->placed.reserve(plan->kernels.size());
    for (const auto& kernel : plan->kernels) {
      plan->placed.push_back({kernel.get(), 0});
      const Stage stage = stage_of(&plan->placed.back());
      if (!plan->stages.empty() && fit(plan->stages.back(), stage)) {
        plan->placed.back().offset = plan->stages.back().scratch.shared;
        plan->stages.back() = joined(plan->stages.back(), stage);
      } else {
        plan->stages.push_back(stage);
      }
    }
  } catch (const std::bad_alloc&) {
    plan->is_whole = false;
  }
  return plan->is_whole;
}

inline void rebind(fastdl_plan* plan, fastdl_index input, const void* to) {
  for (char* place : plan->inputs[input]) std::memcpy(place, &to, sizeof to);
}

// Runs the plan's kernels, and then `last`.
template <class K>
bool run_plan(int threads, const fastdl_plan* plan, const K& last) {
  const KernelOf<K> one(last);
  const Placed placed{&one, 0};
  return run_stages(threads, plan->stages, stage_of(&placed));
}

}  // namespace FASTDL_LEVEL
