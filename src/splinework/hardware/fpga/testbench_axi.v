// Test of @TOP@_axis against the golden model.
`timescale 1ns / 1ps
module tb_axis;
    parameter COUNT = 0;  // vectors that are used, from the first
    localparam LATENCY = @LATENCY@, FULL = COUNT / 2, SHOWN = @SHOWN@;

    reg clk = 0, aresetn = 0;
    reg s_valid = 0, s_last = 0, m_ready = 0;
    wire s_ready, m_valid, m_last;
    reg [@WIDTH_IN@-1:0] word = {@WIDTH_IN@{1'bx}};
    wire [@LANES_IN@-1:0] s_data = {@LANES@};
    wire [@LANES_OUT@-1:0] m_data;

    reg [@WIDTH_IN@-1:0] vectors [0:COUNT-1];
    reg [@WIDTH_OUT@-1:0] expected [0:COUNT-1];
    reg last [0:COUNT-1];

    @TOP@_axis dut (
        .aclk(clk), .aresetn(aresetn),
        .s_axis_tdata(s_data), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tlast(s_last),
        .m_axis_tdata(m_data), .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tlast(m_last)
    );

    always #5 clk = !clk;

    integer sent = 0, received = 0, mismatches = 0, protocol = 0, cycle = 0, idle = 0, k;
    reg held = 0, before_last = 0;
    reg [@LANES_OUT@-1:0] before;
    wire [@LANES_OUT@-1:0] wanted = {@BACK@};
    reg [31:0] state = 32'h2545f491;

@TASKS@

    // valid: whether a new row is offered; one that was not taken is offered again, as the protocol asks.
    task step(input valid, input ready, input full);
        begin
            @(negedge clk);
            cycle = cycle + 1;
            s_valid = s_valid || (valid && sent < COUNT);
            word = s_valid ? vectors[sent] : {@WIDTH_IN@{1'bx}};
            s_last = s_valid ? last[sent] : 1'bx;
            m_ready = ready;
            #4;
            if (m_valid !== 1'b0 && m_valid !== 1'b1) breach("tvalid is unknown");
            if (s_ready !== 1'b0 && s_ready !== 1'b1) breach("tready is unknown");
            if (full && s_ready !== 1'b1) breach("fewer than one row a cycle");
            if (held && (m_valid !== 1'b1 || m_data !== before || m_last !== before_last)) breach("a held result changed");
            held = m_valid === 1'b1 && !ready;
            before = m_data;
            before_last = m_last;
            if (s_valid && s_ready === 1'b1) begin
                sent = sent + 1;
                idle = 0;
            end else idle = idle + 1;
            if (m_valid === 1'b1 && ready) begin
                idle = 0;
                if (received >= sent) breach("a result without a row");
                else begin
                    if (m_data !== wanted || m_last !== last[received]) begin
                        mismatches = mismatches + 1;
                        if (mismatches <= SHOWN) $display("MISMATCH %0d %h %h", received, m_data, wanted);
                    end
                    received = received + 1;
                end
            end
            @(posedge clk);
            #1;
            if (s_ready_taken) s_valid = 0;
        end
    endtask

    reg s_ready_taken = 0;
    always @(posedge clk) s_ready_taken <= s_valid && s_ready;

    initial begin
        $readmemh("vectors.hex", vectors, 0, COUNT - 1);
        $readmemh("expected.hex", expected, 0, COUNT - 1);
        for (k = 0; k < COUNT; k = k + 1) begin
            draw;
            last[k] = state[7:5] == 0;
        end
        repeat (LATENCY + 3) @(negedge clk);
        aresetn = 1;
        #4;
        if (m_valid !== 1'b0) breach("tvalid is not 0 after a reset");
        while (sent < FULL && idle < 4 * LATENCY + 64) step(1, 1, 1);
        while (sent < COUNT && idle < 16 * LATENCY + 256) begin
            draw;
            // For long the receiver is slower than the sender, then faster.
            step(state[1:0] != 0, cycle[9] ? state[5:4] == 0 : state[5:4] != 0, 0);
        end
        if (sent < COUNT) breach("the circuit is stuck");
        idle = 0;
        while (received < sent && idle < 8 * LATENCY + 64) step(0, 1, 0);
        repeat (2 * LATENCY + 8) step(0, 1, 0);
        if (received < sent) breach("results are missing");
        mismatches = mismatches + sent - received;
        $display("SUMMARY vectors=%0d mismatches=%0d protocol=%0d cycles=%0d", sent, mismatches, protocol, cycle);
        $finish;
    end
endmodule
