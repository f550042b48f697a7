// Affine layer: y = f(x W + b), and its gradients.
// x (batch, inputs), W (inputs, outputs), b (outputs,), y (batch, outputs), all contiguous.
#pragma once

#include "activations.hpp"
#include "product.hpp"
#include "workspace.hpp"

namespace FASTDL_LEVEL {

template <class F>
struct Activate {
  template <class T>
  void operator()(T* values, index, index, index count) const {
    activate<F>(values, values, count);
  }
};

// Multiply-adds below which opening a region costs more than it gains.
constexpr index parallel_multiplications = 1 << 17;

// False, with nothing written, where there is no memory.
template <class T>
bool affine_forward(int threads, index batch, index inputs, index outputs, const T* x, const T* w, const T* b,
                    int activation, T* y) {
  bool done = false;
  with_activation(activation, [&](auto f) {
    const Product<T, Activate<decltype(f)>> product{batch, outputs, inputs, {x, inputs, 1}, {w, outputs, 1}, b, y, {}};
    const int team_size = batch * inputs * outputs < parallel_multiplications ? 1 : threads;
    const index shared = product.shared_scratch(), own = product.own_scratch();
    T* scratch = static_cast<T*>(workspace((shared + team_size * own) * sizeof(T)));
    if (!scratch) return;
    run(team_size, [&](const Team& team) { product(team, scratch, scratch + shared + team.rank * own); });
    done = true;
  });
  return done;
}

// db[j] = sum over the batch of dz[i, j], in double precision.
template <class T>
void sum_rows(const Team& team, index batch, index outputs, const T* dz, T* db) {
  constexpr index columns = 16;
  team.share(ceil_div(outputs, columns), [&](index tile) {
    const index j = tile * columns, count = std::min(outputs - j, columns);
    double sum[columns] = {};
    for (index i = 0; i < batch; ++i)
      for (index q = 0; q < count; ++q) sum[q] += dz[i * outputs + j + q];
    for (index q = 0; q < count; ++q) db[j + q] = T(sum[q]);
  });
}

// dz = dout f'(y), dW = x^T dz, db = sum of the rows of dz, dx = dz W^T (left out where dx is null).
// False, with nothing written, where there is no memory.
template <class T>
bool affine_backward(int threads, index batch, index inputs, index outputs, const T* dout, const T* x, const T* w,
                     const T* y, int activation, T* dx, T* dw, T* db) {
  const int team_size = batch * inputs * outputs < parallel_multiplications ? 1 : threads;
  const bool is_linear = activation == 0;
  const index dz_size = is_linear ? 0 : ceil_div(batch * outputs, 16) * 16;

  using Gradient = Product<T, Activate<Identity>>;
  Gradient weights{inputs, outputs, batch, {x, 1, inputs}, {dout, outputs, 1}, nullptr, dw, {}};
  Gradient input{batch, inputs, outputs, {dout, outputs, 1}, {w, 1, outputs}, nullptr, dx, {}};
  const index shared_weights = weights.shared_scratch(), shared_input = dx ? input.shared_scratch() : 0;
  const index own = std::max(weights.own_scratch(), dx ? input.own_scratch() : 0);
  T* scratch = static_cast<T*>(workspace((dz_size + shared_weights + shared_input + team_size * own) * sizeof(T)));
  if (!scratch) return false;

  T* dz = scratch;
  if (!is_linear) weights.b.data = input.a.data = dz;
  T* scratch_weights = dz + dz_size;
  T* scratch_input = scratch_weights + shared_weights;
  run(team_size, [&](const Team& team) {
    T* mine = scratch_input + shared_input + team.rank * own;
    if (!is_linear) {
      with_activation(activation, [&](auto f) {
        share_elements(team, batch * outputs, [&](index offset, index count) {
          backpropagate<decltype(f)>(dout + offset, y + offset, dz + offset, count);
        });
      });
      team.barrier();
    }
    weights(team, scratch_weights, mine);
    sum_rows(team, batch, outputs, weights.b.data, db);
    if (dx) input(team, scratch_input, mine);
  });
  return true;
}

}  // namespace FASTDL_LEVEL
