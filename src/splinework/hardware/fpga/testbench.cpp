// Test of @TOP@ against the golden model, for Verilator. In bubbles the inputs are noise.
#include "Vdut.h"
#include "verilated.h"
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

typedef std::vector<uint64_t> Word;

static const long COUNT = @COUNT@, FULL = COUNT - COUNT / 4, LATENCY = @LATENCY@, SHOWN = @SHOWN@;
static const bool READY = @READY@;
static const int WIDTH_IN = @WIDTH_IN@, WIDTH_OUT = @WIDTH_OUT@;

static Vdut top;
static std::vector<Word> vectors, expected;
static long sent = 0, received = 0, mismatches = 0, protocol = 0, cycle = 0, idle = 0;
static std::vector<bool> history(LATENCY + 1, false);
static bool held = false;
static Word before;
static uint32_t state = 0x2545f491u;

static void draw() {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
}

static uint64_t take(const Word &word, int low, int width) {
    uint64_t value = word[low / 64] >> (low % 64);
    if (low % 64 + width > 64) value |= word[low / 64 + 1] << (64 - low % 64);
    return value & ((uint64_t(1) << width) - 1);
}

static void put(Word &word, int low, int width, uint64_t value) {
    value &= (uint64_t(1) << width) - 1;
    word[low / 64] |= value << (low % 64);
    if (low % 64 + width > 64) word[low / 64 + 1] |= value >> (64 - low % 64);
}

static std::vector<Word> read(const char *name, int width) {
    std::ifstream file(name);
    std::vector<Word> words;
    std::string line;
    while (std::getline(file, line)) {
        Word word((width + 63) / 64, 0);
        int digits = int(line.size());
        for (int k = 0; k < digits; k++) {
            char c = line[digits - 1 - k];
            word[k / 16] |= uint64_t(c <= '9' ? c - '0' : c - 'a' + 10) << (4 * (k % 16));
        }
        words.push_back(word);
    }
    return words;
}

static std::string hex(const Word &word, int width) {
    std::string text;
    for (int k = (width + 3) / 4 - 1; k >= 0; k--) text += "0123456789abcdef"[(word[k / 16] >> (4 * (k % 16))) & 15];
    return text;
}

static void breach(const char *what) {
    if (++protocol <= SHOWN) std::printf("PROTOCOL %ld %s\n", cycle, what);
}

static void set(const Word &word, bool valid, bool ready, bool reset) {
    top.clk = 0;
    top.rst = reset;
    top.in_valid = valid;
@SET_READY@
@DRIVE@
    top.eval();
}

static Word get() {
    Word word((WIDTH_OUT + 63) / 64, 0);
@READ@
    return word;
}

static void edge() {
    top.clk = 1;
    top.eval();
}

static Word noise() {
    Word word((WIDTH_IN + 63) / 64);
    for (uint64_t &part : word) {
        draw();
        part = uint64_t(state) << 32;
        draw();
        part |= state;
    }
    return word;
}

static bool in_ready() { return @GET_READY@; }

static void step(bool valid, bool ready, bool exact) {
    cycle++;
    set(valid ? vectors[sent] : noise(), valid, ready, false);
    history.insert(history.begin(), valid);
    history.pop_back();
    const Word got = get();
    if (exact && !in_ready()) breach("in_ready is low though nothing is held");
    if (exact && bool(top.out_valid) != history[LATENCY]) breach("out_valid has another latency");
    if (held && (!top.out_valid || got != before)) breach("a held result changed");
    held = top.out_valid && !ready;
    before = got;
    if (valid && (in_ready() || (exact && READY))) sent++;
    if (top.out_valid && ready) {
        idle = 0;
        if (received >= sent) breach("a result without an input");
        else {
            if (got != expected[received] && ++mismatches <= SHOWN)
                std::printf("MISMATCH %ld %s %s\n", received, hex(got, WIDTH_OUT).c_str(),
                            hex(expected[received], WIDTH_OUT).c_str());
            received++;
        }
    } else idle++;
    edge();
}

static void reset() {
    set(noise(), false, true, true);
    edge();
    history.assign(LATENCY + 1, false);
    held = false;
    set(noise(), false, true, false);
    if (top.out_valid) breach("out_valid is not 0 after a reset");
}

static void drain() {
    idle = 0;
    while (received < sent && idle < 4 * LATENCY + 64) step(false, true, !READY);
    for (long k = 0; k < LATENCY + 2; k++) step(false, true, !READY);
    mismatches += sent - received;
    if (received < sent) breach("results are missing");
    received = sent;
}

int main() {
    vectors = read("vectors.hex", WIDTH_IN);
    expected = read("expected.hex", WIDTH_OUT);
    if (long(vectors.size()) != COUNT || long(expected.size()) != COUNT) {
        std::printf("the files of vectors do not have %ld lines\n", COUNT);
        return 2;
    }
    for (int k = 0; k < LATENCY + 3; k++) reset();
    while (sent < FULL) step(true, true, true);
    drain();
    const long kept = sent;
    for (int k = 0; k < LATENCY + 2 && sent < COUNT; k++) step(true, true, true);
    reset();
    sent = received = kept;
    for (int k = 0; k < LATENCY + 2; k++) step(false, true, true);
    idle = 0;
    while (sent < COUNT && idle < 4 * LATENCY + 64) {
        draw();
        const bool valid = (state & 3) != 0, ready = !READY || ((state >> 3) & 3) != 0;
        step(valid, ready, !READY);
    }
    if (sent < COUNT) breach("the circuit is stuck");
    drain();
    std::printf("SUMMARY vectors=%ld mismatches=%ld protocol=%ld cycles=%ld\n", sent, mismatches, protocol, cycle);
    return mismatches || protocol ? 1 : 0;
}
