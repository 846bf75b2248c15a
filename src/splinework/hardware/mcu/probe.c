#include <stdio.h>
#include <stdint.h>

$DECLARED

__attribute__((noinline)) void probe(int row);
__attribute__((noinline)) void nothing(int row);
void probe(int row) { $CALL }
void nothing(int row) { __asm volatile("" : : "r"(row)); }

$TICKS

static unsigned long long count(void (*function)(int))
{
    unsigned long long sum = 0;
    for (int first = 0; first < $ROWS; first += $BLOCK) {
        uint32_t start = ticks();
        for (int row = first; row < first + $BLOCK && row < $ROWS; row++)
            function(row);
        sum += (start - ticks()) & 0xFFFFFFu;
    }
    return sum;
}

int main(void)
{
    start_ticks();
    unsigned long long full = count(probe), empty = count(nothing);
    printf("%llu %llu\n", full, empty);
    return 0;
}
