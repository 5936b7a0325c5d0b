/* SPDX-License-Identifier: Apache-2.0 */
/* Where time comes in. Read once per turn of a loop and passed down as a value. */
#ifndef ADIT_LINUX_CLOCK_H
#define ADIT_LINUX_CLOCK_H

#include "base/now.h"

adit_now adit_clock_now(void);

#endif
