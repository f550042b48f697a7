// What a kernel is: a struct of sizes and pointers. It says whether its work pays for a team (pays), how much memory it
// needs besides its arrays (scratch), and does one member's share when every member of a team calls it, or has phases:
//
//   prepare(team, memory)           a member's share of what the rows need; prepares() says whether there is any
//   on_rows(begin, end, memory)     some rows of the result, which one member does without waiting for another
//   finish(team, memory)            a member's share of what needs all rows
//
// A row of the result depends on that row of some arrays, and on others as a whole: operands() lists all arrays that the
// phases use, and rows() says how many rows there are, 0 where this one has to run as a whole, or any_rows where it only
// prepares.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

#include "team.hpp"

namespace FASTDL_LEVEL {

// Memory that the team shares, and that a member has of its own; aligned to 64 bytes.
struct Memory {
  char* shared;
  char* own;
};

// How many bytes of it.
struct Scratch {
  index shared;
  index own;
};

constexpr index any_rows = -1;

inline index aligned(index bytes) { return ceil_div(bytes, 64) * 64; }

// An array that a kernel uses in one of its phases.
struct Operand {
  enum Phase { of_prepare, of_rows, of_finish };
  const char* data;
  index bytes;
  Phase phase;
  bool is_written;
  bool is_cut;  // into as many rows as the kernel has

  bool overlaps(const Operand& other) const { return data < other.data + other.bytes && other.data < data + bytes; }
};

// All of a kernel's. Null stands for an array that it does without.
struct Operands {
  static constexpr int most = 12;
  Operand operands[most];
  int count = 0;

  template <class T>
  Operands& add(Operand::Phase phase, const T* data, index size, bool is_written, bool is_cut) {
    if (data) operands[count++] = {reinterpret_cast<const char*>(data), size * index(sizeof(T)), phase, is_written, is_cut};
    return *this;
  }

  template <class T>
  Operands& prepare_reads(const T* data, index size) { return add(Operand::of_prepare, data, size, false, false); }
  template <class T>
  Operands& prepare_writes(const T* data, index size) { return add(Operand::of_prepare, data, size, true, false); }
  template <class T>
  Operands& rows_read(const T* data, index size) { return add(Operand::of_rows, data, size, false, true); }
  template <class T>
  Operands& rows_write(const T* data, index size) { return add(Operand::of_rows, data, size, true, true); }
  template <class T>
  Operands& rows_read_all(const T* data, index size) { return add(Operand::of_rows, data, size, false, false); }
  template <class T>
  Operands& finish_reads(const T* data, index size) { return add(Operand::of_finish, data, size, false, false); }
  template <class T>
  Operands& finish_writes(const T* data, index size) { return add(Operand::of_finish, data, size, true, false); }

  const Operand* begin() const { return operands; }
  const Operand* end() const { return operands + count; }
};

// A kernel of whatever type.
struct Kernel {
  virtual ~Kernel() = default;
  virtual Kernel* copy() const = 0;  // null where there is no memory
  virtual bool pays() const = 0;
  virtual Scratch scratch() const = 0;
  virtual void run(const Team& team, Memory memory) const = 0;

  virtual index rows() const = 0;
  virtual Operands operands() const = 0;
  virtual bool prepares() const = 0;
  virtual bool finishes() const = 0;
  virtual void prepare(const Team& team, Memory memory) const = 0;
  virtual void on_rows(index begin, index end, Memory memory) const = 0;
  virtual void finish(const Team& team, Memory memory) const = 0;

  // Adds the places where it holds an address.
  virtual void find(const void* address, std::vector<char*>& places) = 0;
};

namespace detail {

template <class K, class = void>
constexpr bool has_scratch = false;
template <class K>
constexpr bool has_scratch<K, std::void_t<decltype(&K::scratch)>> = true;

template <class K, class = void>
constexpr bool has_whole = false;
template <class K>
constexpr bool has_whole<K, std::void_t<decltype(&K::operator())>> = true;

template <class K, class = void>
constexpr bool has_prepare = false;
template <class K>
constexpr bool has_prepare<K, std::void_t<decltype(&K::prepare)>> = true;

template <class K, class = void>
constexpr bool has_rows = false;
template <class K>
constexpr bool has_rows<K, std::void_t<decltype(&K::on_rows)>> = true;

template <class K, class = void>
constexpr bool has_finish = false;
template <class K>
constexpr bool has_finish<K, std::void_t<decltype(&K::finish)>> = true;

}  // namespace detail

// One of type K. An address is looked for in its bytes: a kernel holds addresses of whole arrays only, in words of their own;
// a size is never as large as an address, and a number that looks like one would be subnormal.
template <class K>
struct KernelOf final : Kernel {
  static_assert(std::is_trivially_copyable_v<K> && (detail::has_rows<K> || detail::has_whole<K>));
  K kernel;

  explicit KernelOf(const K& kernel) : kernel(kernel) {}
  Kernel* copy() const override { return new (std::nothrow) KernelOf(kernel); }
  bool pays() const override { return kernel.pays(); }

  Scratch scratch() const override {
    if constexpr (detail::has_scratch<K>) return kernel.scratch();
    return {0, 0};
  }
  void run(const Team& team, Memory memory) const override {
    if constexpr (detail::has_whole<K>) kernel(team, memory);
  }
  index rows() const override {
    if constexpr (detail::has_rows<K>) return kernel.rows();
    return 0;
  }
  Operands operands() const override {
    if constexpr (detail::has_rows<K>) return kernel.operands();
    return {};
  }
  bool prepares() const override {
    if constexpr (detail::has_prepare<K>) return kernel.prepares();
    return false;
  }
  bool finishes() const override { return detail::has_finish<K>; }
  void prepare(const Team& team, Memory memory) const override {
    if constexpr (detail::has_prepare<K>)
      if (kernel.prepares()) kernel.prepare(team, memory);
  }
  void on_rows(index begin, index end, Memory memory) const override {
    if constexpr (detail::has_rows<K>) kernel.on_rows(begin, end, memory);
  }
  void finish(const Team& team, Memory memory) const override {
    if constexpr (detail::has_finish<K>) kernel.finish(team, memory);
  }

  void find(const void* address, std::vector<char*>& places) override {
    char* bytes = reinterpret_cast<char*>(&kernel);
    for (std::size_t i = 0; i + sizeof address <= sizeof kernel; i += sizeof address)
      if (std::memcmp(bytes + i, &address, sizeof address) == 0) places.push_back(bytes + i);
  }
};

}  // namespace FASTDL_LEVEL
