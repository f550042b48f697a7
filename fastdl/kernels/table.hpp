// What one CPU level offers to the rest: a table of functions, each for float32 [0] and float64 [1].
// Every function takes the number of threads first. Those that return a bool return false, with nothing written, where
// there is no memory.
#pragma once

#include <cstddef>
#include <cstdint>

using fastdl_index = std::ptrdiff_t;

// A rule's step over n elements of arrays = {parameter, gradient, states ...}. `coefficients` is what its `prepare` made,
// or for a rule that a user wrote the numbers that its expressions of hyper-parameters came to.
using fastdl_tile = void (*)(std::int64_t n, void* const* arrays, const void* coefficients);

// For a rule whose step depends on a tensor as a whole: does what comes before, and adds the tile's squares of the
// parameter and of its direction to `squares`.
using fastdl_measure = void (*)(std::int64_t n, void* const* arrays, const void* coefficients, double* squares);

// What a rule works out once a step, in double precision, from the number of the step and its hyper-parameters.
using fastdl_prepare = void (*)(double t, const double* hyper, void* coefficients);

// Brings a tensor's squares into the coefficients.
using fastdl_trust = void (*)(const double* squares, void* coefficients);

// Subnormal states become 0 in every eighth step: arithmetic on them takes twice the time and more.
constexpr int fastdl_steps_to_clear = 8;
constexpr int fastdl_max_states = 4;
constexpr int fastdl_max_hyper = 16;
constexpr int fastdl_coefficient_bytes = 256;

struct fastdl_rule {
  const char* name;
  const char* states;  // names, in order, a space between two
  const char* hyper;
  fastdl_prepare prepare[2];
  fastdl_tile tile[2];
  // Null but for a rule that depends on the tensor as a whole.
  fastdl_measure measure[2];
  fastdl_trust trust[2];
};

// One parameter of an update: {parameter, gradient, states ...} of `size` elements, and what is done to them.
struct fastdl_tensor {
  fastdl_index size;
  int is_double;             // the parameter and its states
  int is_gradient_double;
  int array_count;
  void* arrays[2 + fastdl_max_states];
  void* average;             // moving average of the parameter, or null
  fastdl_tile tile;
  fastdl_measure measure;
  fastdl_trust trust;
  const void* coefficients;
  double decay;              // added to the gradient, times the parameter
  double shrink;             // the parameter is multiplied by this before the step
  int clears;                // whether states that are subnormal afterwards become 0
};

// What is done to all gradients, and to the averages.
struct fastdl_treatment {
  double clip_norm;          // of all gradients together; infinity for none
  double clip_value;         // of each element; infinity for none
  double average_decay;      // average <- average_decay average + (1 - average_decay) parameter
  int needs_finite;          // whether a gradient that is not finite stops the update before anything is written
};

enum fastdl_outcome { fastdl_done, fastdl_no_memory, fastdl_not_finite };

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
  fastdl_outcome (*update)(int threads, const fastdl_tensor* tensors, fastdl_index count, const fastdl_treatment* treatment);
  const fastdl_rule* rules;
  int rule_count;
};
