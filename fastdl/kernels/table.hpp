// What one CPU level offers to the rest: a table of functions, each for float32 [0] and float64 [1].
// Every function takes the number of threads first. Those that return a bool return false, with nothing written, where
// there is no memory.
#pragma once

#include <cstddef>
#include <cstdint>

using fastdl_index = std::ptrdiff_t;

// A rule's step over n elements of arrays = {parameter, gradient, states ...}. `coefficients` is what its `prepare` made,
// or for a rule that a user wrote {t, hyper-parameters ...}.
using fastdl_tile = void (*)(std::int64_t n, void* const* arrays, const void* coefficients);

constexpr int fastdl_max_states = 4;
constexpr int fastdl_max_hyper = 12;
constexpr int fastdl_coefficient_bytes = 128;

struct fastdl_rule {
  const char* name;
  const char* states;  // names, in order, a space between two
  const char* hyper;
  void (*prepare[2])(double t, const double* hyper, void* coefficients);
  fastdl_tile tile[2];
};

// One parameter of an update: {parameter, gradient, states ...} of `size` elements of `item` bytes each, and its rule.
struct fastdl_tensor {
  fastdl_index size;
  fastdl_index item;
  int array_count;
  void* arrays[2 + fastdl_max_states];
  fastdl_tile tile;
  const void* coefficients;
};

struct fastdl_kernels {
  const char* level;
  int vector_bytes;
  bool (*affine_forward[2])(int threads, fastdl_index batch, fastdl_index inputs, fastdl_index outputs, const void* x,
                            const void* w, const void* b, int activation, void* y);
  bool (*affine_backward[2])(int threads, fastdl_index batch, fastdl_index inputs, fastdl_index outputs, const void* dout,
                             const void* x, const void* w, const void* y, int activation, void* dx, void* dw, void* db);
  void (*activation_forward[2])(int threads, fastdl_index size, const void* x, int activation, void* y);
  void (*activation_backward[2])(int threads, fastdl_index size, const void* dout, const void* y, int activation, void* dx);
  void (*softmax[2])(int threads, fastdl_index batch, fastdl_index classes, const void* x, void* y);
  bool (*softmax_cross_entropy[2])(int threads, fastdl_index batch, fastdl_index classes, const void* x,
                                   const std::int64_t* labels, double* loss, void* gradient);
  // [source: uint8, float32, float64][result]
  void (*gather[3][2])(int threads, fastdl_index count, fastdl_index width, const void* data, const std::int64_t* indices,
                       double scale, void* out);
  bool (*update)(int threads, const fastdl_tensor* tensors, fastdl_index count);
  const fastdl_rule* rules;
  int rule_count;
};
