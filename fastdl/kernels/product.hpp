// Matrix product: C = finish(start + A B), fused with what comes before it (a bias) and after it (an activation).
//
// a. A tile of C, 6 rows by 4 vectors of columns, stays in registers while k runs over the whole depth: for each k, 4
//    vectors of a row of B are loaded, 6 elements of A broadcast, 24 multiply-adds done. A may have any strides, so a
//    transposed A costs the same.
// b. Each element of C is one chain of multiply-adds in the order of k, starting from the bias. Blocking stores the chain
//    in C and picks it up again, which changes no bit: the result does not depend on path, blocking or threads.
// c. Small B is read where it lies. Reading the last vector of a row past its end meets the next row; its extra lanes are
//    never stored. The last row has no next one and is copied to padded scratch first. Nothing outside B is read.
// d. B is packed into panels of the tile's width, zero-padded, where its columns are not contiguous, where it is narrower
//    than a vector, or where it is too large for the cache: then one block of k at a time, with the block of A copied too
//    (rows that are a power of two apart would fight for the same few cache lines).
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "plan.hpp"

namespace FASTDL_LEVEL {

// An element (i, j) lies at data[i * row + j * column].
template <class T>
struct Matrix {
  const T* data;
  index row;
  index column;

  Matrix block(index i, index j) const { return {data + i * row + j * column, row, column}; }
};

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(FASTDL_VECTOR_BYTES), aligned(alignof(T)), may_alias));
  static constexpr index lanes = FASTDL_VECTOR_BYTES / sizeof(T);
};

template <class T>
struct Tile {
  static constexpr index rows = 6;
  static constexpr index vectors = FASTDL_TILE_VECTORS;
  static constexpr index columns = vectors * Vector<T>::lanes;
};

// out (ROWS rows of VECTORS vectors, `out_row` apart) = start + A B. `last` is the last row of B, readable to the full
// width; `start_row` is 0 for a bias.
template <class T, int ROWS, int VECTORS>
void multiply_tile(index depth, Matrix<T> a, const T* b, index b_row, const T* last, const T* start, index start_row,
                   T* out, index out_row) {
  using V = typename Vector<T>::type;
  constexpr index lanes = Vector<T>::lanes;
  V sum[ROWS][VECTORS];
  for (int i = 0; i < ROWS; ++i)
    for (int j = 0; j < VECTORS; ++j) sum[i][j] = *reinterpret_cast<const V*>(start + i * start_row + j * lanes);
  const T* left = a.data;
  const auto multiply_add = [&](const T* right_row) __attribute__((always_inline)) {
    V right[VECTORS];
    for (int j = 0; j < VECTORS; ++j) right[j] = *reinterpret_cast<const V*>(right_row + j * lanes);
    for (int i = 0; i < ROWS; ++i)
      for (int j = 0; j < VECTORS; ++j) sum[i][j] += left[i * a.row] * right[j];
    left += a.column;
  };
  for (index k = 0; k < depth - 1; ++k) multiply_add(b + k * b_row);
  if (depth > 0) multiply_add(last);
  for (int i = 0; i < ROWS; ++i)
    for (int j = 0; j < VECTORS; ++j) *reinterpret_cast<V*>(out + i * out_row + j * lanes) = sum[i][j];
}

template <class T>
using TileFunction = void (*)(index, Matrix<T>, const T*, index, const T*, const T*, index, T*, index);

template <class T, int ROWS, std::size_t... VECTORS>
constexpr auto tile_row(std::index_sequence<VECTORS...>) {
  return std::array<TileFunction<T>, sizeof...(VECTORS)>{multiply_tile<T, ROWS, int(VECTORS) + 1>...};
}

// The function for a tile of so many rows and vectors.
template <class T>
TileFunction<T> tile_function(index rows, index vectors) {
  constexpr auto widths = std::make_index_sequence<Tile<T>::vectors>();
  static constexpr std::array<std::array<TileFunction<T>, Tile<T>::vectors>, Tile<T>::rows> table = {
      tile_row<T, 1>(widths), tile_row<T, 2>(widths), tile_row<T, 3>(widths),
      tile_row<T, 4>(widths), tile_row<T, 5>(widths), tile_row<T, 6>(widths)};
  return table[rows - 1][vectors - 1];
}

// The L vectors of rows[] as an L x L matrix, transposed: log2(L) rounds, each exchanging blocks of half the size.
template <class V, int... LANES>
void transpose(V* rows, std::integer_sequence<int, LANES...>) {
  using I = decltype(rows[0] < rows[0]);
  constexpr int lanes = sizeof...(LANES);
#pragma GCC unroll 8
  for (int half = lanes / 2; half > 0; half /= 2) {
    const I upper = {(LANES & half ? LANES - half + lanes : LANES)...};
    const I lower = {(LANES & half ? LANES + lanes : LANES + half)...};
    for (int i = 0; i < lanes; ++i)
      if (!(i & half)) {
        const V first = rows[i], second = rows[i + half];
        rows[i] = __builtin_shuffle(first, second, upper);
        rows[i + half] = __builtin_shuffle(first, second, lower);
      }
  }
}

// One product C (m, n) = finish(bias + A B), C contiguous. finish(values, row, column, count) is called once for every run
// of finished elements of one row of C, and changes them in place.
template <class T, class Finish>
struct Product {
  index m, n, depth;
  Matrix<T> a, b;
  const T* bias;  // (n,), or null
  T* c;
  Finish finish;

  static constexpr index lanes = Vector<T>::lanes;
  static constexpr index width = Tile<T>::columns;  // of a panel
  static constexpr index block_bytes = 1 << 20;     // a larger B is multiplied block by block
  static constexpr index block_rows = 8 * Tile<T>::rows;
  static constexpr index block_panels = 512 / width;
  static constexpr index block_depth = 2048 / sizeof(T);

  index panels() const { return ceil_div(n, width); }
  bool is_blocked() const { return depth * n * index(sizeof(T)) > block_bytes; }
  bool is_packed() const { return is_blocked() || b.column != 1 || n < lanes; }

  Scratch scratch() const {
    const index packed = is_packed() ? (is_blocked() ? std::min(depth, index(block_depth)) : depth) * panels() * width : 0;
    const index own = 2 * panels() * width + (is_blocked() ? block_rows * block_depth : 0);
    return {packed * index(sizeof(T)), own * index(sizeof(T))};
  }

  // Whether rows of C can be computed one by one: after prepare(), by on_rows().
  bool has_rows() const { return !is_blocked() && ceil_div(m, Tile<T>::rows) >= panels(); }
  bool prepares() const { return is_packed(); }
  void prepare(const Team& team, Memory memory) const { pack(team, 0, depth, reinterpret_cast<T*>(memory.shared)); }
  void on_rows(index begin, index end, Memory memory) const { sweep(begin, end, 0, panels(), memory); }

  // Every member calls this. There is no barrier at its end.
  void operator()(const Team& team, Memory memory) const {
    if (is_blocked()) return multiply_blocks(team, memory);
    if (prepares()) {
      prepare(team, memory);
      team.barrier();
    }
    const bool by_rows = has_rows();
    const index shared = by_rows ? m : panels();
    const index begin = team.rank * shared / team.size, end = (team.rank + 1) * shared / team.size;
    by_rows ? on_rows(begin, end, memory) : sweep(0, m, begin, end, memory);
  }

 private:
  // A panel of B: its rows, and the last of them where it may be read to the full width.
  struct Right {
    const T* data;
    index row;
    const T* last;
  };

  static Right packed_panel(const T* packed, index panel, index deep) {
    const T* data = packed + panel * deep * width;
    return {data, width, data + (deep - 1) * width};
  }

  // What a row of C begins with, to the full width of the panels.
  T* start_of_rows(Memory memory) const {
    T* start = reinterpret_cast<T*>(memory.own);
    std::fill(start, start + panels() * width, T(0));
    if (bias) std::copy(bias, bias + n, start);
    return start;
  }

  // The tiles of C in these rows and panels.
  void sweep(index first_row, index end_row, index first_panel, index end_panel, Memory memory) const {
    const T* packed = reinterpret_cast<const T*>(memory.shared);
    T* start = start_of_rows(memory);
    T* rest = start + panels() * width;
    if (!is_packed() && depth > 0) std::copy(b.data + (depth - 1) * b.row, b.data + (depth - 1) * b.row + n, rest);
    for (index panel = first_panel; panel < end_panel; ++panel) {
      const Right right = is_packed() ? packed_panel(packed, panel, depth) : Right{b.data + panel * width, b.row, rest + panel * width};
      for (index i = first_row; i < end_row; i += Tile<T>::rows)
        multiply(a, i, end_row, panel, depth, right, start + panel * width, true);
    }
  }

  void multiply_blocks(const Team& team, Memory memory) const {
    T* packed = reinterpret_cast<T*>(memory.shared);
    const T* start = start_of_rows(memory);
    T* copy = reinterpret_cast<T*>(memory.own) + panels() * width;
    const index row_blocks = ceil_div(m, block_rows), panel_blocks = ceil_div(panels(), block_panels);
    for (index k = 0; k < depth; k += block_depth) {
      const index deep = std::min(depth - k, index(block_depth));
      if (k > 0) team.barrier();
      pack(team, k, deep, packed);
      team.barrier();
      team.share(row_blocks * panel_blocks, [&](index task) {
        const index i0 = task / panel_blocks * block_rows, i1 = std::min(m, i0 + block_rows);
        const index p0 = task % panel_blocks * block_panels, p1 = std::min(panels(), p0 + block_panels);
        const Matrix<T> left = copy_block(i0, i1 - i0, k, deep, copy).block(-i0, 0);
        for (index panel = p0; panel < p1; ++panel) {
          const Right right = packed_panel(packed, panel, deep);
          for (index i = i0; i < i1; i += Tile<T>::rows)
            multiply(left, i, i1, panel, deep, right, k == 0 ? start + panel * width : nullptr, k + deep == depth);
        }
      });
    }
  }

  // One tile of C from row i on. It starts at `start`, or where that is null goes on from what C holds.
  void multiply(Matrix<T> left, index i, index end, index panel, index deep, Right right, const T* start, bool is_last) const {
    const index j = panel * width, rows = std::min(end - i, Tile<T>::rows), columns = std::min(n - j, width);
    const index vectors = ceil_div(columns, lanes);
    const bool fits = columns == vectors * lanes;
    alignas(FASTDL_VECTOR_BYTES) T buffer[Tile<T>::rows * width];
    T* corner = c + i * n + j;
    T* out = fits ? corner : buffer;
    const index out_row = fits ? n : width;
    if (!fits) {
      std::fill(buffer, buffer + rows * width, T(0));
      if (!start)
        for (index r = 0; r < rows; ++r) std::copy(corner + r * n, corner + r * n + columns, buffer + r * width);
    }
    tile_function<T>(rows, vectors)(deep, left.block(i, 0), right.data, right.row, right.last, start ? start : out,
                                    start ? 0 : out_row, out, out_row);
    for (index r = 0; r < rows; ++r) {
      if (is_last) finish(out + r * out_row, i + r, j, columns);
      if (!fits) std::copy(out + r * out_row, out + r * out_row + columns, corner + r * n);
    }
  }

  // Rows [k, k + deep) of B as zero-padded panels, one after the other.
  void pack(const Team& team, index k, index deep, T* packed) const {
    const index chunks = ceil_div(deep, lanes);
    team.share(panels() * chunks, [&](index task) {
      const index panel = task / chunks, r = task % chunks * lanes;
      const index j = panel * width, rows = std::min(deep - r, lanes), columns = std::min(n - j, width);
      pack_chunk(b.block(k + r, j), rows, columns, packed + (panel * deep + r) * width);
    });
  }

  static void pack_chunk(Matrix<T> from, index rows, index columns, T* out) {
    if (from.column == 1) {
      for (index r = 0; r < rows; ++r) {
        std::copy(from.data + r * from.row, from.data + r * from.row + columns, out + r * width);
        std::fill(out + r * width + columns, out + (r + 1) * width, T(0));
      }
      return;
    }
    using V = typename Vector<T>::type;
    for (index j = 0; j < width; j += lanes) {
      alignas(FASTDL_VECTOR_BYTES) T square[lanes * lanes] = {};
      for (index q = 0; q < std::min(columns - j, lanes); ++q)
        for (index r = 0; r < rows; ++r) square[q * lanes + r] = from.data[r * from.row + (j + q) * from.column];
      transpose(reinterpret_cast<V*>(square), std::make_integer_sequence<int, lanes>());
      for (index r = 0; r < rows; ++r) std::copy(square + r * lanes, square + (r + 1) * lanes, out + r * width + j);
    }
  }

  Matrix<T> copy_block(index i, index rows, index k, index deep, T* out) const {
    const Matrix<T> from = a.block(i, k);
    if (from.column == 1) {
      for (index r = 0; r < rows; ++r) std::copy(from.data + r * from.row, from.data + r * from.row + deep, out + r * deep);
      return {out, deep, 1};
    }
    for (index q = 0; q < deep; ++q)
      for (index r = 0; r < rows; ++r) out[q * rows + r] = from.data[r * from.row + q * from.column];
    return {out, 1, rows};
  }
};

}  // namespace FASTDL_LEVEL
