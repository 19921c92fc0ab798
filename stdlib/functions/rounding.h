// Rounding to decimal places, by the digits that the number is written with: 2.675 to two places is 2.68,
// although the double nearest to 2.675 is less than it.
#pragma once

namespace pipec::stdlib {

// Halves away from zero. `digits` below zero rounds to tens, hundreds. The value is finite; the result may
// not be.
double round_decimal(double value, int digits);

}  // namespace pipec::stdlib
