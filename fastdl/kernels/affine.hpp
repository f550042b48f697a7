// Affine layer: z = x W + b and y = f(z), and its gradients.
// x (batch, inputs), W (inputs, outputs), b (outputs,), y and z (batch, outputs), all contiguous.
#pragma once

#include <type_traits>

#include "activations.hpp"
#include "product.hpp"
#include "workspace.hpp"

namespace FASTDL_LEVEL {

// What is done to the finished elements of a product.
struct Keep {
  template <class T>
  void operator()(T*, index, index, index) const {}
};

template <class F, class T>
struct Activate {
  F f;
  index outputs;
  T* z;  // where they are kept as they were, or null

  void operator()(T* values, index row, index column, index count) const {
    if (z) std::copy(values, values + count, z + row * outputs + column);
    activate(f, values, values, count);
  }
};

// Multiply-adds below which opening a region costs more than it gains.
constexpr index parallel_multiplications = 1 << 17;

// False, with nothing written, where there is no memory.
template <class T>
bool affine_forward(int threads, index batch, index inputs, index outputs, const T* x, const T* w, const T* b,
                    fastdl_activation activation, T* y, T* z) {
  bool done = false;
  with_activation(activation, [&](auto f) {
    const Product<T, Activate<decltype(f), T>> product{
        batch, outputs, inputs, {x, inputs, 1}, {w, outputs, 1}, b, y, {f, outputs, z}};
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

// dz = dout f'(z), dW = x^T dz, db = sum of the rows of dz, dx = dz W^T (left out where dx is null).
template <class F, class T>
struct AffineBackward {
  F f;
  index batch, inputs, outputs;
  const T* dout;
  const T* x;
  const T* w;
  const T* saved;  // what the derivative is computed from
  T* dx;
  T* dw;
  T* db;

  static constexpr bool is_linear = std::is_same_v<F, Identity>;

  Product<T, Keep> weights(const T* dz) const {
    return {inputs, outputs, batch, {x, 1, inputs}, {dz, outputs, 1}, nullptr, dw, {}};
  }
  Product<T, Keep> input(const T* dz) const {
    return {batch, inputs, outputs, {dz, outputs, 1}, {w, 1, outputs}, nullptr, dx, {}};
  }

  // Elements of scratch: what the team shares, and what each member has of its own.
  index dz_scratch() const { return is_linear ? 0 : ceil_div(batch * outputs, 16) * 16; }
  index weights_scratch() const { return weights(dout).shared_scratch(); }
  index shared_scratch() const {
    return dz_scratch() + weights_scratch() + (dx ? input(dout).shared_scratch() : 0);
  }
  index own_scratch() const {
    return std::max(weights(dout).own_scratch(), dx ? input(dout).own_scratch() : 0);
  }

  // Every member calls this. There is no barrier at its end.
  void operator()(const Team& team, T* shared, T* own) const {
    const T* dz = dout;
    if constexpr (!is_linear) {
      ActivationBackward<F, T>{f, batch * outputs, dout, saved, shared}(team);
      team.barrier();
      dz = shared;
    }
    T* scratch = shared + dz_scratch();
    weights(dz)(team, scratch, own);
    sum_rows(team, batch, outputs, dz, db);
    if (dx) input(dz)(team, scratch + weights_scratch(), own);
  }
};

// False, with nothing written, where there is no memory.
template <class T>
bool affine_backward(int threads, index batch, index inputs, index outputs, const T* dout, const T* x, const T* w,
                     const T* saved, fastdl_activation activation, T* dx, T* dw, T* db) {
  bool done = false;
  with_activation(activation, [&](auto f) {
    const AffineBackward<decltype(f), T> backward{f, batch, inputs, outputs, dout, x, w, saved, dx, dw, db};
    const int team_size = batch * inputs * outputs < parallel_multiplications ? 1 : threads;
    const index shared = backward.shared_scratch(), own = backward.own_scratch();
    T* scratch = static_cast<T*>(workspace((shared + team_size * own) * sizeof(T)));
    if (!scratch) return;
    run(team_size, [&](const Team& team) { backward(team, scratch, scratch + shared + team.rank * own); });
    done = true;
  });
  return done;
}

}  // namespace FASTDL_LEVEL
