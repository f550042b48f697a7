from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

cdef extern from "table.hpp" nogil:
    ctypedef Py_ssize_t fastdl_index
    ctypedef void (*fastdl_tile)(int64_t n, void** arrays, const void* coefficients) noexcept
    ctypedef void (*fastdl_prepare)(double t, const double* hyper, void* coefficients) noexcept
    const int fastdl_steps_to_clear
    const int fastdl_storage_block
    const int fastdl_max_states
    const int fastdl_max_hyper
    const int fastdl_coefficient_bytes
    ctypedef void (*fastdl_measure)(int64_t n, void** arrays, const void* coefficients, double* squares) noexcept
    ctypedef void (*fastdl_trust)(const double* squares, void* coefficients) noexcept
    ctypedef struct fastdl_rule:
        const char* name
        const char* states
        const char* hyper
        fastdl_prepare prepare[2]
        fastdl_tile tile[2]
        fastdl_measure measure[2]
        fastdl_trust trust[2]
    ctypedef enum fastdl_storage:
        fastdl_float32
        fastdl_float64
        fastdl_bfloat16
        fastdl_signed_bytes
        fastdl_positive_bytes
    ctypedef struct fastdl_source:
        uint64_t seed
        uint64_t first
        uint32_t step
        uint32_t stream
    ctypedef struct fastdl_mask:
        fastdl_source source
        const uint32_t* step
        const uint32_t* first_row
        fastdl_index row
        fastdl_index width
        int dropped
    ctypedef struct fastdl_tensor:
        fastdl_index size
        int is_double
        int array_count
        void* arrays[6]
        fastdl_storage storage[6]
        fastdl_source source
        int rounds_at_random
        void* average
        fastdl_tile tile
        fastdl_measure measure
        fastdl_trust trust
        const void* coefficients
        double decay
        double shrink
        int clears
    ctypedef struct fastdl_treatment:
        double clip_norm
        double clip_value
        double average_decay
        int needs_finite
    ctypedef enum fastdl_outcome:
        fastdl_done
        fastdl_no_memory
        fastdl_not_finite
    ctypedef struct fastdl_activation:
        int number
        double alpha
    ctypedef struct fastdl_channels:
        fastdl_index samples
        fastdl_index channels
        fastdl_index size
    ctypedef struct fastdl_running:
        void* mean
        void* variance
        double momentum
        double correction
    ctypedef struct fastdl_targets:
        const void* class_weights
        int64_t ignored
        double smoothing
    ctypedef struct fastdl_loss:
        int number
        double delta
    const int fastdl_max_mapped
    ctypedef struct fastdl_mapping:
        fastdl_tile tile
        const double* coefficients
        int array_count
        void* arrays[4]
    ctypedef struct fastdl_plan:
        pass
    ctypedef struct fastdl_queue:
        int threads
        fastdl_plan* plan
    ctypedef bint (*affine_forward_function)(
        fastdl_queue, fastdl_index, fastdl_index, fastdl_index, const void*, const void*, const void*, fastdl_activation,
        void*, void*) noexcept
    ctypedef bint (*affine_backward_function)(
        fastdl_queue, fastdl_index, fastdl_index, fastdl_index, const void*, const void*, const void*, const void*,
        fastdl_activation, void*, void*, void*) noexcept
    ctypedef bint (*activation_forward_function)(
        fastdl_queue, fastdl_index, const void*, fastdl_activation, void*) noexcept
    ctypedef bint (*activation_backward_function)(
        fastdl_queue, fastdl_index, const void*, const void*, fastdl_activation, void*) noexcept
    ctypedef bint (*add_function)(
        fastdl_queue, fastdl_index, const void*, const void*, fastdl_activation, void*) noexcept
    ctypedef bint (*map_elements_function)(fastdl_queue, fastdl_index, const fastdl_mapping*) noexcept
    ctypedef bint (*softmax_function)(fastdl_queue, fastdl_index, fastdl_index, const void*, void*) noexcept
    ctypedef bint (*softmax_cross_entropy_function)(
        fastdl_queue, fastdl_index, fastdl_index, const void*, const int64_t*, const fastdl_targets*, double*, void*) noexcept
    ctypedef bint (*mean_loss_function)(
        fastdl_queue, fastdl_loss, fastdl_index, const void*, const void*, double*, void*) noexcept
    ctypedef bint (*gather_function)(
        fastdl_queue, fastdl_index, fastdl_index, const void*, fastdl_index, const int64_t*, double, void*) noexcept
    ctypedef bint (*batch_norm_forward_function)(
        fastdl_queue, const fastdl_channels*, const void*, const void*, const void*, double, fastdl_activation,
        const fastdl_running*, void*, void*) noexcept
    ctypedef bint (*batch_norm_inference_function)(
        fastdl_queue, const fastdl_channels*, const void*, const void*, const void*, const void*, const void*, double,
        fastdl_activation, void*) noexcept
    ctypedef bint (*batch_norm_backward_function)(
        fastdl_queue, const fastdl_channels*, const void*, const void*, const void*, const void*, const void*,
        fastdl_activation, void*, void*, void*) noexcept
    ctypedef bint (*measure_share_function)(fastdl_queue, const fastdl_channels*, const void*, double*) noexcept
    ctypedef bint (*combine_shares_function)(
        fastdl_queue, fastdl_index, fastdl_index, const double*, const double*, double, const fastdl_running*,
        void*) noexcept
    ctypedef bint (*normalize_share_function)(
        fastdl_queue, const fastdl_channels*, const void*, const void*, const void*, const void*, fastdl_activation,
        void*) noexcept
    ctypedef bint (*sum_slopes_function)(
        fastdl_queue, const fastdl_channels*, const void*, const void*, const void*, const void*, fastdl_activation,
        double*) noexcept
    ctypedef bint (*apply_slopes_function)(
        fastdl_queue, const fastdl_channels*, const void*, const void*, const void*, const void*, const double*, double,
        const void*, fastdl_activation, void*) noexcept
    ctypedef bint (*layer_norm_forward_function)(
        fastdl_queue, fastdl_index, fastdl_index, const void*, const void*, const void*, double, void*, void*) noexcept
    ctypedef bint (*layer_norm_backward_function)(
        fastdl_queue, fastdl_index, fastdl_index, const void*, const void*, const void*, const void*, void*, void*,
        void*) noexcept
    ctypedef bint (*random_bits_function)(fastdl_queue, fastdl_index, const fastdl_source*, uint32_t*) noexcept
    ctypedef bint (*count_step_function)(fastdl_queue, uint32_t*) noexcept
    ctypedef bint (*random_function)(
        fastdl_queue, fastdl_index, const fastdl_source*, double, double, void*) noexcept
    ctypedef bint (*dropout_forward_function)(
        fastdl_queue, fastdl_index, const void*, fastdl_activation, const fastdl_mask*, double, void*) noexcept
    ctypedef bint (*dropout_backward_function)(
        fastdl_queue, fastdl_index, const void*, const void*, fastdl_activation, const fastdl_mask*, double, void*) noexcept
    ctypedef bint (*encode_state_function)(
        fastdl_queue, fastdl_index, const float*, fastdl_storage, const fastdl_source*, uint16_t, void*) noexcept
    ctypedef bint (*decode_state_function)(fastdl_queue, fastdl_index, const void*, fastdl_storage, float*) noexcept
    ctypedef bint (*decay_gradient_function)(
        fastdl_queue, fastdl_index, double, const void*, void*, double*) noexcept
    ctypedef fastdl_outcome (*update_function)(
        int, const fastdl_plan*, const fastdl_tensor*, fastdl_index, const fastdl_treatment*) noexcept
    ctypedef fastdl_plan* (*new_plan_function)() noexcept
    ctypedef void (*delete_plan_function)(fastdl_plan*) noexcept
    ctypedef bint (*complete_function)(fastdl_plan*, const void* const*, fastdl_index) noexcept
    ctypedef void (*rebind_function)(fastdl_plan*, fastdl_index, const void*) noexcept
    ctypedef bint (*run_plan_function)(int, const fastdl_plan*) noexcept
    ctypedef struct fastdl_kernels:
        const char* level
        int vector_bytes
        affine_forward_function affine_forward[2]
        affine_backward_function affine_backward[2]
        activation_forward_function activation_forward[2]
        activation_backward_function activation_backward[2]
        add_function add[2]
        map_elements_function map_elements[2]
        softmax_function softmax[2]
        softmax_cross_entropy_function softmax_cross_entropy[2]
        mean_loss_function mean_loss[2]
        gather_function gather[3][2]
        batch_norm_forward_function batch_norm_forward[2]
        batch_norm_inference_function batch_norm_inference[2]
        batch_norm_backward_function batch_norm_backward[2]
        measure_share_function measure_share[2]
        combine_shares_function combine_shares[2]
        normalize_share_function normalize_share[2]
        sum_slopes_function sum_slopes[2]
        apply_slopes_function apply_slopes[2]
        layer_norm_forward_function layer_norm_forward[2]
        layer_norm_backward_function layer_norm_backward[2]
        random_bits_function random_bits
        count_step_function count_step
        random_function random_uniform[2]
        random_function random_normal[2]
        dropout_forward_function dropout_forward[2]
        dropout_backward_function dropout_backward[2]
        encode_state_function encode_state
        decode_state_function decode_state
        decay_gradient_function decay_gradient[2]
        update_function update
        new_plan_function new_plan
        delete_plan_function delete_plan
        complete_function complete
        rebind_function rebind
        run_plan_function run_plan
        const fastdl_rule* rules
        int rule_count
