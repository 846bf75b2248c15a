#include <stdint.h>

extern void _start(void);
extern uint32_t __stack;
void board_reset(void);
void board_fault(void);

void board_reset(void)
{
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88U |= 0x00F00000U; /* CPACR: the float unit is on */
    __asm volatile("dsb\n isb");
#endif
    _start();
}

/* Ends the run with an error, by semihosting. */
void board_fault(void)
{
    __asm volatile("movs r0, #0x18\n ldr r1, =0x20024\n bkpt 0xAB");
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const void *const board_vectors[] = {
    &__stack, (const void *)board_reset, (const void *)board_fault, (const void *)board_fault,
    (const void *)board_fault, (const void *)board_fault, (const void *)board_fault
};
