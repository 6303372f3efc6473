// All kernels of training, for one instruction set.
#include "vec.h"

#include "gemm.h"
#include "winograd.h"
#include "winograd_filter.h"
#include "depthwise.h"
#include "im2col.h"

const struct train_ops FN(train_ops) = {
    .wino_filter = FN(wino_filter),
    .wino_forward = FN(wino_forward),
    .wino_weights = FN(wino_weights),
    .wino_filter_gradient = FN(wino_filter_gradient),
    .dw_taps = FN(dw_taps),
    .dw_forward = FN(dw_forward),
    .dw_weights = FN(dw_weights),
    .columns = FN(columns),
    .add_columns = FN(add_columns),
    .product = FN(product),
    .product_transposed = FN(product_transposed),
    .finish = FN(finish),
};
