// What differs from one CPU level to the next: the width of a vector, and how many of them a product's tile holds.
#pragma once

// Each level is a shared object of its own. The namespace keeps their templates apart wherever they meet in one process.
#ifndef FASTDL_LEVEL
#define FASTDL_LEVEL generic
#endif

#if defined(__AVX512F__)
#define FASTDL_VECTOR_BYTES 64
#define FASTDL_TILE_VECTORS 4  // 6 x 4 accumulators of 32 registers
#elif defined(__AVX2__)
#define FASTDL_VECTOR_BYTES 32
#define FASTDL_TILE_VECTORS 2  // 6 x 2 accumulators of 16 registers
#else
#define FASTDL_VECTOR_BYTES 16
#define FASTDL_TILE_VECTORS 2
#endif
