// What one CPU level offers to the rest: a table of functions, each for float32 [0] and float64 [1].
// Those that return a bool return false, with nothing written, where there is no memory.
#pragma once

#include <cstddef>
#include <cstdint>

using fastdl_index = std::ptrdiff_t;

// An activation's number in ACTIVATIONS of _activations.pyx, and its slope or scale where it has one.
struct fastdl_activation {
  int number;
  double alpha;
};

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
constexpr int fastdl_storage_block = 256;  // elements that share an exponent, where states are stored in bytes
constexpr int fastdl_max_states = 4;
constexpr int fastdl_max_hyper = 16;
constexpr int fastdl_coefficient_bytes = 256;

struct fastdl_rule {
  const char* name;
  const char* states;  // names, in order, a space between two; + before one whose elements are never negative
  const char* hyper;
  fastdl_prepare prepare[2];
  fastdl_tile tile[2];
  // Null but for a rule that depends on the tensor as a whole.
  fastdl_measure measure[2];
  fastdl_trust trust[2];
};

// How an array of an update is stored, see storage.hpp. The first two are the types of the arithmetic.
enum fastdl_storage {
  fastdl_float32,
  fastdl_float64,
  fastdl_bfloat16,
  fastdl_signed_bytes,
  fastdl_positive_bytes,
};

// Where random bits come from: blocks of 128 bits, of which `first` is the first.
struct fastdl_source {
  std::uint64_t seed;
  std::uint64_t first;
  std::uint32_t step;
  std::uint32_t stream;
};

// What a dropout drops: elements whose 16 random bits are less than `dropped`, those of a step, from a row of a batch on.
struct fastdl_mask {
  fastdl_source source;
  const std::uint32_t* step;       // where it is counted, or null: the source's
  const std::uint32_t* first_row;  // where it is written, or null: `row`
  fastdl_index row;
  fastdl_index width;              // elements of a row
  int dropped;
};

// One parameter of an update: {parameter, gradient, states ...} of `size` elements, and what is done to them.
struct fastdl_tensor {
  fastdl_index size;
  int is_double;             // the arithmetic, and what is stored in no other way
  int array_count;
  void* arrays[2 + fastdl_max_states];
  fastdl_storage storage[2 + fastdl_max_states];
  fastdl_source source;      // of the bits by which states are rounded
  int rounds_at_random;      // whether bfloat16 states are, as those in bytes are
  void* average;             // moving average of the parameter, or null
  fastdl_tile tile;
  fastdl_measure measure;
  fastdl_trust trust;
  const void* coefficients;
  double decay;              // added to the gradient, times the parameter
  double shrink;             // the share of itself that the parameter loses before the step
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

// An array of (samples, channels, size).
struct fastdl_channels {
  fastdl_index samples, channels, size;
};

// Running statistics of a batch normalization, or null: running <- momentum running + (1 - momentum) batch.
struct fastdl_running {
  void* mean;
  void* variance;
  double momentum;
  double correction;  // times the variance of a batch
};

// What labels stand for, see cross_entropy.hpp: without class weights each for its class alone.
struct fastdl_targets {
  const void* class_weights;
  std::int64_t ignored;  // rows with this label count as none
  double smoothing;
};

// A loss of elements: its number, see element_losses.hpp, and Huber's delta.
struct fastdl_loss {
  int number;
  double delta;
};

// A function of elements that a user wrote: its code over a tile, which also makes an optimizer's step, its coefficients,
// and its arrays: first those that it reads, in the end the one for the results.
constexpr int fastdl_max_mapped = 4;

struct fastdl_mapping {
  fastdl_tile tile;
  const double* coefficients;
  int array_count;
  void* arrays[fastdl_max_mapped];
};

// Kernels that were recorded, see plan.hpp.
struct fastdl_plan;

// Where a kernel goes: it is run at once by so many threads, and recorded where there is a plan.
struct fastdl_queue {
  int threads;
  fastdl_plan* plan;
};

struct fastdl_kernels {
  const char* level;
  int vector_bytes;
  // All but the last six run a kernel on its arrays.
  bool (*affine_forward[2])(fastdl_queue queue, fastdl_index batch, fastdl_index inputs, fastdl_index outputs,
                            const void* x, const void* w, const void* b, fastdl_activation activation, void* y, void* z);
  bool (*affine_backward[2])(fastdl_queue queue, fastdl_index batch, fastdl_index inputs, fastdl_index outputs,
                             const void* dout, const void* x, const void* w, const void* saved,
                             fastdl_activation activation, void* dx, void* dw, void* db);
  bool (*activation_forward[2])(fastdl_queue queue, fastdl_index size, const void* x, fastdl_activation activation, void* y);
  bool (*activation_backward[2])(fastdl_queue queue, fastdl_index size, const void* dout, const void* saved,
                                 fastdl_activation activation, void* dx);
  bool (*add[2])(fastdl_queue queue, fastdl_index size, const void* a, const void* b, fastdl_activation activation, void* y);
  bool (*map_elements[2])(fastdl_queue queue, fastdl_index size, const fastdl_mapping* mapping);
  bool (*softmax[2])(fastdl_queue queue, fastdl_index batch, fastdl_index classes, const void* x, void* y);
  bool (*softmax_cross_entropy[2])(fastdl_queue queue, fastdl_index batch, fastdl_index classes, const void* x,
                                   const std::int64_t* labels, const fastdl_targets* targets, double* loss,
                                   void* gradient);
  bool (*mean_loss[2])(fastdl_queue queue, fastdl_loss f, fastdl_index size, const void* x, const void* t, double* loss,
                       void* gradient);
  // [source: uint8, float32, float64][result]
  bool (*gather[3][2])(fastdl_queue queue, fastdl_index count, fastdl_index width, const void* data,
                       fastdl_index data_rows, const std::int64_t* indices, double scale, void* out);
  bool (*batch_norm_forward[2])(fastdl_queue queue, const fastdl_channels* shape, const void* x, const void* gamma,
                                const void* beta, double eps, fastdl_activation activation, const fastdl_running* running,
                                void* y, void* statistics);
  bool (*batch_norm_inference[2])(fastdl_queue queue, const fastdl_channels* shape, const void* x, const void* gamma,
                                  const void* beta, const void* mean, const void* variance, double eps,
                                  fastdl_activation activation, void* y);
  bool (*batch_norm_backward[2])(fastdl_queue queue, const fastdl_channels* shape, const void* dout, const void* x,
                                 const void* gamma, const void* statistics, const void* y, fastdl_activation activation,
                                 void* dx, void* dgamma, void* dbeta);
  // Of a batch's shares, see batch_shares.hpp. Moments and sums are (2, channels), of each share.
  bool (*measure_share[2])(fastdl_queue queue, const fastdl_channels* shape, const void* x, double* moments);
  bool (*combine_shares[2])(fastdl_queue queue, fastdl_index shares, fastdl_index channels, const double* counts,
                            const double* moments, double eps, const fastdl_running* running, void* statistics);
  bool (*normalize_share[2])(fastdl_queue queue, const fastdl_channels* shape, const void* x, const void* gamma,
                             const void* beta, const void* statistics, fastdl_activation activation, void* y);
  bool (*sum_slopes[2])(fastdl_queue queue, const fastdl_channels* shape, const void* dout, const void* x,
                        const void* statistics, const void* y, fastdl_activation activation, double* sums);
  bool (*apply_slopes[2])(fastdl_queue queue, const fastdl_channels* shape, const void* dout, const void* x,
                          const void* gamma, const void* statistics, const double* sums, double count, const void* y,
                          fastdl_activation activation, void* dx);
  bool (*layer_norm_forward[2])(fastdl_queue queue, fastdl_index rows, fastdl_index features, const void* x,
                                const void* gamma, const void* beta, double eps, void* y, void* statistics);
  bool (*layer_norm_backward[2])(fastdl_queue queue, fastdl_index rows, fastdl_index features, const void* dout,
                                 const void* x, const void* gamma, const void* statistics, void* dx, void* dgamma,
                                 void* dbeta);
  bool (*random_bits)(fastdl_queue queue, fastdl_index size, const fastdl_source* source, std::uint32_t* out);
  bool (*count_step)(fastdl_queue queue, std::uint32_t* counter);
  bool (*random_uniform[2])(fastdl_queue queue, fastdl_index size, const fastdl_source* source, double low, double high,
                            void* out);
  bool (*random_normal[2])(fastdl_queue queue, fastdl_index size, const fastdl_source* source, double mean, double std,
                           void* out);
  bool (*dropout_forward[2])(fastdl_queue queue, fastdl_index size, const void* x, fastdl_activation activation,
                             const fastdl_mask* mask, double scale, void* y);
  bool (*dropout_backward[2])(fastdl_queue queue, fastdl_index size, const void* dout, const void* y,
                              fastdl_activation activation, const fastdl_mask* mask, double scale, void* dx);
  // Numbers of float32 into another storage and back. `salt`: see storage.hpp.
  bool (*encode_state)(fastdl_queue queue, fastdl_index size, const float* from, fastdl_storage storage,
                       const fastdl_source* source, std::uint16_t salt, void* to);
  bool (*decode_state)(fastdl_queue queue, fastdl_index size, const void* from, fastdl_storage storage, float* to);
  bool (*decay_gradient[2])(fastdl_queue queue, fastdl_index size, double rate, const void* w, void* dw, double* loss);
  // After the kernels of a plan, or alone where that is null.
  fastdl_outcome (*update)(int threads, const fastdl_plan* plan, const fastdl_tensor* tensors, fastdl_index count,
                           const fastdl_treatment* treatment);
  fastdl_plan* (*new_plan)();  // null where there is no memory
  void (*delete_plan)(fastdl_plan* plan);
  // Ends the recording, of which these are the inputs; whether all kernels could be recorded.
  bool (*complete)(fastdl_plan* plan, const void* const* inputs, fastdl_index count);
  void (*rebind)(fastdl_plan* plan, fastdl_index input, const void* to);
  bool (*run_plan)(int threads, const fastdl_plan* plan);
  const fastdl_rule* rules;
  int rule_count;
};
