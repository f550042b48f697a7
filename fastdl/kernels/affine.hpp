// Affine layer: z = x W + b and y = f(z), and its gradients.
// x (batch, inputs), W (inputs, outputs), b (outputs,), y and z (batch, outputs), all contiguous.
#pragma once

#include <type_traits>

#include "activations.hpp"
#include "product.hpp"

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

template <class F, class T>
struct AffineForward {
  F f;
  index batch, inputs, outputs;
  const T *x, *w, *b;
  T *y, *z;

  Product<T, Activate<F, T>> product() const {
    return {batch, outputs, inputs, {x, inputs, 1}, {w, outputs, 1}, b, y, {f, outputs, z}};
  }

  bool pays() const { return batch * inputs * outputs >= parallel_multiplications; }
  Scratch scratch() const { return product().scratch(); }
  void operator()(const Team& team, Memory memory) const { product()(team, memory); }

  index rows() const { return product().has_rows() ? batch : 0; }
  Operands operands() const {
    return Operands()
        .prepare_reads(prepares() ? w : nullptr, inputs * outputs)
        .rows_read(x, batch * inputs)
        .rows_read_all(prepares() ? nullptr : w, inputs * outputs)
        .rows_read_all(b, outputs)
        .rows_write(y, batch * outputs)
        .rows_write(z, batch * outputs);
  }
  bool prepares() const { return product().prepares(); }
  void prepare(const Team& team, Memory memory) const { product().prepare(team, memory); }
  void on_rows(index begin, index end, Memory memory) const { product().on_rows(begin, end, memory); }
};

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
  const T *dout, *x, *w;
  const T* saved;  // what the derivative is computed from
  T *dx, *dw, *db;

  static constexpr bool is_linear = std::is_same_v<F, Identity>;

  Product<T, Keep> weights(const T* dz) const {
    return {inputs, outputs, batch, {x, 1, inputs}, {dz, outputs, 1}, nullptr, dw, {}};
  }
  Product<T, Keep> input(const T* dz) const {
    return {batch, inputs, outputs, {dz, outputs, 1}, {w, 1, outputs}, nullptr, dx, {}};
  }

  // Shared are dz, where it is not dout, and what the two products need.
  T* dz_in(Memory memory) const { return reinterpret_cast<T*>(memory.shared); }
  const T* dz(Memory memory) const { return is_linear ? dout : dz_in(memory); }
  index weights_offset() const { return is_linear ? 0 : aligned(batch * outputs * sizeof(T)); }
  index input_offset() const { return weights_offset() + aligned(weights(dout).scratch().shared); }
  Memory of_weights(Memory memory) const { return {memory.shared + weights_offset(), memory.own}; }
  Memory of_input(Memory memory) const { return {memory.shared + input_offset(), memory.own}; }

  bool pays() const { return batch * inputs * outputs >= parallel_multiplications; }
  Scratch scratch() const {
    const Scratch of_weights = weights(dout).scratch(), of_input = dx ? input(dout).scratch() : Scratch{0, 0};
    return {input_offset() + of_input.shared, std::max(of_weights.own, of_input.own)};
  }

  void operator()(const Team& team, Memory memory) const {
    differentiate(team.rank * batch / team.size, (team.rank + 1) * batch / team.size, memory);
    if (!is_linear) team.barrier();
    finish(team, memory);
    if (dx) input(dz(memory))(team, of_input(memory));
  }

  index rows() const { return !dx || input(dout).has_rows() ? batch : 0; }
  Operands operands() const {
    return Operands()
        .prepare_reads(w, inputs * outputs)
        .rows_read(dout, batch * outputs)
        .rows_read(saved, batch * outputs)
        .rows_write(dx, batch * inputs)
        .finish_reads(x, batch * inputs)
        .finish_reads(is_linear ? dout : nullptr, batch * outputs)
        .finish_writes(dw, inputs * outputs)
        .finish_writes(db, outputs);
  }
  bool prepares() const { return dx && input(dout).prepares(); }
  void prepare(const Team& team, Memory memory) const { input(dout).prepare(team, of_input(memory)); }
  void on_rows(index begin, index end, Memory memory) const {
    differentiate(begin, end, memory);
    if (dx) input(dz(memory)).on_rows(begin, end, of_input(memory));
  }
  void finish(const Team& team, Memory memory) const {
    weights(dz(memory))(team, of_weights(memory));
    sum_rows(team, batch, outputs, dz(memory), db);
  }

  void differentiate(index begin, index end, Memory memory) const {
    if constexpr (!is_linear) {
      const index first = begin * outputs, count = (end - begin) * outputs;
      backpropagate(f, dout + first, saved + first, dz_in(memory) + first, count);
    }
  }
};

}  // namespace FASTDL_LEVEL
