// How many threads the next region may have. One copy for all CPU levels, in _runtime.
//
// a. After fork the child has none of its parent's threads, and libgomp would wait for them for ever: it runs serially.
// b. One region at a time has a team. A second Python thread in a kernel meanwhile runs serially, so that a process with
//    many Python threads does not start a team for each.
// c. Where threads cannot be created, libgomp ends the process. So they are tried out first with plain pthreads.
#pragma once

#include <pthread.h>

#include <atomic>
#include <vector>

namespace fastdl {

inline std::atomic<bool> is_forked{false};
inline std::atomic<bool> is_team_busy{false};
inline int proven_threads = 1;

inline void watch_forks() {
  pthread_atfork(nullptr, nullptr, [] { is_forked = true; });
}

// True where so many threads can exist at the same time.
inline bool can_run_threads(int threads) {
  if (threads <= proven_threads) return true;
  struct Gate {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  } gate;
  pthread_mutex_lock(&gate.lock);
  std::vector<pthread_t> created;
  const auto wait = [](void* argument) -> void* {
    auto* lock = &static_cast<Gate*>(argument)->lock;
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return nullptr;
  };
  pthread_t thread;
  while (int(created.size()) < threads - 1 && pthread_create(&thread, nullptr, wait, &gate) == 0) created.push_back(thread);
  pthread_mutex_unlock(&gate.lock);
  for (pthread_t each : created) pthread_join(each, nullptr);
  if (int(created.size()) < threads - 1) return false;
  proven_threads = threads;
  return true;
}

// The size of team to ask for, of at most `threads`; leave_region() takes it back.
inline int enter_region(int threads) {
  if (threads == 1 || is_forked || is_team_busy.exchange(true)) return 1;
  return threads;
}

inline void leave_region(int threads) {
  if (threads > 1) is_team_busy = false;
}

// The highest x86-64 level that this CPU supports: 2, 3 or 4; 1 where it supports none of them, 0 on another architecture.
inline int cpu_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
  const bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return v4 ? 4 : v3 ? 3 : v2 ? 2 : 1;
#else
  return 0;
#endif
}

}  // namespace fastdl
