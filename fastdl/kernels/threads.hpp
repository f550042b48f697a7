// How many threads the next region may have. One copy for all CPU levels, in _runtime.
//
// a. After fork the child has none of its parent's threads, and libgomp would wait for them for ever: it runs serially.
// b. One region at a time has a team. A second Python thread in a kernel meanwhile runs serially, so that a process with
//    many Python threads does not start a team for each.
// c. Where threads cannot be created, libgomp ends the process. So they are tried out first with plain pthreads, which ask
//    for the stacks that libgomp will ask for. It keeps a team for each thread that opens regions, and lets members go
//    when the team shrinks: each thread tries, and again whenever its team grows.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cctype>
#include <cstdlib>
#include <vector>

namespace fastdl {

inline std::atomic<bool> is_forked{false};
inline std::atomic<bool> is_team_busy{false};

inline void watch_forks() {
  pthread_atfork(nullptr, nullptr, [] { is_forked = true; });
}

// What OMP_STACKSIZE asks for, in kilobytes unless it says otherwise; 0 where it says nothing that libgomp understands.
inline std::size_t openmp_stack() {
  const char* text = std::getenv("OMP_STACKSIZE");
  if (!text) return 0;
  char* unit;
  const std::size_t size = std::strtoull(text, &unit, 10);
  while (std::isspace(static_cast<unsigned char>(*unit))) ++unit;
  switch (std::toupper(static_cast<unsigned char>(*unit))) {
    case 'B': return size;
    case 'M': return size << 20;
    case 'G': return size << 30;
    default: return size << 10;
  }
}

// True where so many threads can exist at the same time.
inline bool can_create(int threads) {
  struct Gate {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  } gate;
  const auto wait = [](void* argument) -> void* {
    auto* lock = &static_cast<Gate*>(argument)->lock;
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return nullptr;
  };
  pthread_attr_t settings;
  pthread_attr_init(&settings);
  if (const std::size_t stack = openmp_stack()) pthread_attr_setstacksize(&settings, stack);
  pthread_mutex_lock(&gate.lock);
  std::vector<pthread_t> created;
  pthread_t thread;
  while (int(created.size()) < threads && pthread_create(&thread, &settings, wait, &gate) == 0) created.push_back(thread);
  pthread_mutex_unlock(&gate.lock);
  for (pthread_t each : created) pthread_join(each, nullptr);
  pthread_attr_destroy(&settings);
  return int(created.size()) == threads;
}

// True where the calling thread can have a team of so many.
inline bool can_run_threads(int threads) {
  static thread_local int team = 1;
  if (threads > team && !can_create(threads - 1)) return false;
  team = threads;
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
