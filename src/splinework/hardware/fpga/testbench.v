// Test of @TOP@ against the golden model.
// In bubbles the inputs are unknown (x), and results are compared with !==.
`timescale 1ns / 1ps
module tb;
    localparam COUNT = @COUNT@, LATENCY = @LATENCY@, SHOWN = @SHOWN@;
    localparam FULL = COUNT - COUNT / 4;  // vectors without bubbles; the others come with bubbles and pauses
    localparam READY = @READY@;

    reg clk = 0;
    reg rst = 1;
    reg in_valid = 0;
    reg out_ready = 1;
    reg [@WIDTH_IN@-1:0] word = {@WIDTH_IN@{1'bx}};
    wire [@WIDTH_OUT@-1:0] got;
    wire in_ready;
    wire out_valid;

    reg [@WIDTH_IN@-1:0] vectors [0:COUNT-1];
    reg [@WIDTH_OUT@-1:0] expected [0:COUNT-1];

    @TOP@ dut (
@PORTS@
    );
    generate if (!READY) assign in_ready = 1'b1; endgenerate

    always #5 clk = !clk;

    integer sent = 0, received = 0, mismatches = 0, protocol = 0, cycle = 0, idle = 0, kept = 0;
    reg [LATENCY:0] history = 0;  // bit k: whether a vector went in k cycles ago
    reg held = 0;
    reg [@WIDTH_OUT@-1:0] before;
    reg [31:0] state = 32'h2545f491;

@TASKS@

    // Inputs change on the falling edge and outputs are read right before the rising one.
    task drive(input valid, input ready);
        begin
            @(negedge clk);
            cycle = cycle + 1;
            in_valid = valid;
            out_ready = ready;
            word = valid ? vectors[sent] : {@WIDTH_IN@{1'bx}};
            #4;
            history = (history << 1) | valid;
        end
    endtask

    task check(input exact);
        begin
            if (out_valid !== 1'b0 && out_valid !== 1'b1) breach("out_valid is unknown");
            if (in_ready !== 1'b0 && in_ready !== 1'b1) breach("in_ready is unknown");
            if (exact && in_ready !== 1'b1) breach("in_ready is low though nothing is held");
            if (exact && out_valid !== history[LATENCY]) breach("out_valid has another latency");
            if (held && (out_valid !== 1'b1 || got !== before)) breach("a held result changed");
            held = out_valid === 1'b1 && !out_ready;
            before = got;
            if (in_valid && in_ready === 1'b1) sent = sent + 1;
            if (out_valid === 1'b1 && out_ready) begin
                idle = 0;
                if (received >= sent) breach("a result without an input");
                else begin
                    if (got !== expected[received]) begin
                        mismatches = mismatches + 1;
                        if (mismatches <= SHOWN) $display("MISMATCH %0d %h %h", received, got, expected[received]);
                    end
                    received = received + 1;
                end
            end else idle = idle + 1;
        end
    endtask

    task reset;
        begin
            @(negedge clk);
            rst = 1; in_valid = 0; out_ready = 1; word = {@WIDTH_IN@{1'bx}};
            @(negedge clk);
            rst = 0; history = 0; held = 0;
            #4;
            if (out_valid !== 1'b0) breach("out_valid is not 0 after a reset");
        end
    endtask

    // A stuck circuit ends the test: its missing results count as mismatches.
    task drain;
        begin
            idle = 0;
            while (received < sent && idle < 4 * LATENCY + 64) begin drive(0, 1); check(!READY); end
            repeat (LATENCY + 2) begin drive(0, 1); check(!READY); end
            mismatches = mismatches + sent - received;
            if (received < sent) breach("results are missing");
            received = sent;
        end
    endtask

    initial begin
        $readmemh("vectors.hex", vectors);
        $readmemh("expected.hex", expected);
        repeat (LATENCY + 3) @(negedge clk);
        reset;
        while (sent < FULL) begin drive(1, 1); check(1); if (in_ready !== 1'b1) sent = sent + 1; end
        drain;
        kept = sent;
        repeat (LATENCY + 2) if (sent < COUNT) begin drive(1, 1); check(1); if (in_ready !== 1'b1) sent = sent + 1; end
        reset;
        sent = kept;
        received = kept;
        repeat (LATENCY + 2) begin drive(0, 1); check(1); end
        idle = 0;
        while (sent < COUNT && idle < 4 * LATENCY + 64) begin
            draw;
            drive(state[1:0] != 0, !READY || state[4:3] != 0);
            check(!READY);
        end
        if (sent < COUNT) breach("the circuit is stuck");
        drain;
        $display("SUMMARY vectors=%0d mismatches=%0d protocol=%0d cycles=%0d", sent, mismatches, protocol, cycle);
        $finish;
    end
endmodule
