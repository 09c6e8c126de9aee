/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* console - a 16550 UART at COM1 and debug ports, each only if it is there; else a device that is found later. */
#include "acpi.h"
#include "arch.h"
#include "x86.h"

enum { COM1 = 0x3f8, COM1_IRQ = 4, DEBUG_PORT = 0xe9, FIFO = 16 };
enum { THR = 0, RBR = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCR = 7 };
enum { LSR_DATA = 1, LSR_EMPTY = 0x20, IER_DATA = 1 };

static bool have_uart;
static u16 routes[CONSOLES]; /* a debug port; 0: the UART */
static const struct console_device *device;
static char early[4096]; /* what had nowhere to go */
static size_t early_len;

static bool find_uart(void)
{
    out8(COM1 + SCR, 0x5a);
    if (in8(COM1 + SCR) != 0x5a)
        return false;
    static const u8 setup[][2] = {
        {IER, 0}, {LCR, 0x80}, {0, 1},    {1, 0},
        {LCR, 3}, {FCR, 0xc7}, {MCR, 0xb}}; /* 115200 8n1, FIFOs; hosts send up to the trigger level of 14 at a time */
    for (unsigned i = 0; i < ARRAY_LEN(setup); i++)
        out8(COM1 + setup[i][0], setup[i][1]);
    return true;
}

void arch_console_init(void)
{
    have_uart = find_uart();
    if (!have_uart && in8(DEBUG_PORT) == DEBUG_PORT)
        routes[CONSOLE_OUT] = routes[CONSOLE_ERR] = routes[CONSOLE_LOG] = DEBUG_PORT;
}

void arch_console_route(enum console channel, u16 port)
{
    routes[channel] = port;
}

/* A UART that is never ready loses bytes; it does not stop the machine. */
static void uart_put(u8 byte)
{
    static unsigned room;
    for (unsigned spins = 0; room == 0 && spins < 100000; spins++) {
        if (in8(COM1 + LSR) & LSR_EMPTY)
            room = FIFO;
        else
            __builtin_ia32_pause();
    }
    room -= room > 0;
    out8(COM1 + THR, byte);
}

static void uart_write(const u8 *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n')
            uart_put('\r');
        uart_put(bytes[i]);
    }
}

void arch_console_write(enum console channel, const void *bytes, size_t n)
{
    u16 port = routes[channel];
    if (port)
        __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(n) : "d"(port) : "memory");
    else if (have_uart && channel != CONSOLE_CTL)
        uart_write(bytes, n);
    else if (device && channel != CONSOLE_CTL)
        device->write(channel, bytes, n);
    else if (channel != CONSOLE_CTL) {
        n = MIN(n, sizeof early - early_len);
        memcpy(early + early_len, bytes, n);
        early_len += n;
    }
}

void arch_console_device(const struct console_device *found)
{
    device = found;
    if (device && early_len)
        device->write(CONSOLE_LOG, early, early_len);
    early_len = device ? 0 : early_len;
}

size_t arch_console_read(void *bytes, size_t n)
{
    size_t got = 0;
    if (!have_uart && device)
        return device->read(bytes, n);
    while (have_uart && got < n && (in8(COM1 + LSR) & LSR_DATA))
        ((u8 *)bytes)[got++] = in8(COM1 + RBR);
    return got;
}

/* One call, which ends by its cause's being switched off: so it matters little how the line is triggered. */
static void on_input(void *arg)
{
    (void)arg;
    out8(COM1 + IER, 0);
}

static int open_line(void)
{
    bool active_low;
    u32 line = acpi_isa_line(COM1_IRQ, &active_low);
    int irq = arch_irq_alloc(on_input, NULL);
    if (irq >= 0 && arch_line_open(line, false, irq) < 0) {
        arch_irq_free(irq);
        irq = -ENODEV;
    }
    return irq;
}

bool arch_console_listen(void)
{
    static int irq;
    if (!have_uart)
        return device && device->listen();
    irq = irq ? irq : open_line();
    if (irq > 0)
        out8(COM1 + IER, IER_DATA);
    return irq > 0;
}
