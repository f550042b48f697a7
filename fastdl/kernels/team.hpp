// Threads: a kernel is a function that every member of a team calls with its own rank.
//
// a. The members share tiles or rows. What is added up is cut into tiles whose number and size depend on the shape of the
//    data alone. So the result has the same bits for any number of threads.
// b. The size of the team is read inside the region. A team may be smaller than asked for (OMP_THREAD_LIMIT, nested
//    regions); work cut by the requested size would then be left undone without a word.
// c. One region can run many kernels one after the other, with barriers between them: a barrier costs a fraction of
//    what opening a region costs.
// Without OpenMP a team has one member, and every barrier is empty.
#pragma once

#include <cstddef>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "level.hpp"

namespace FASTDL_LEVEL {

using index = std::ptrdiff_t;

inline index ceil_div(index a, index b) { return (a + b - 1) / b; }

struct Team {
  index rank;
  index size;

  void barrier() const {
#ifdef _OPENMP
#pragma omp barrier
#endif
  }

  // Calls work(tile) for this member's share of [0, tiles): a contiguous run, so that in each step a member meets the
  // same part of the data again, still in its cache.
  template <class Work>
  void share(index tiles, Work work) const {
    const index end = (rank + 1) * tiles / size;
    for (index tile = rank * tiles / size; tile < end; ++tile) work(tile);
  }
};

template <class Kernel>
void run(int threads, Kernel kernel) {
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) if (threads > 1)
  kernel(Team{omp_get_thread_num(), omp_get_num_threads()});
#else
  (void)threads;
  kernel(Team{0, 1});
#endif
}

}  // namespace FASTDL_LEVEL
