/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"
const struct sim_table sim_table_moves = {NULL, 0};
