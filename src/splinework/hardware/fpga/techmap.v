
(* techmap_celltype = "$dffe" *)
module registers_are_wires (CLK, EN, D, Q);
    parameter WIDTH = 1;
    parameter CLK_POLARITY = 1;
    parameter EN_POLARITY = 1;
    input CLK, EN;
    input [WIDTH-1:0] D;
    output [WIDTH-1:0] Q;
    assign Q = D;
endmodule

(* techmap_celltype = "$shiftx" *)
module tables_are_trees (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;
    wire _TECHMAP_FAIL_ = Y_WIDTH != 1 || B_SIGNED || A_WIDTH != 1 << B_WIDTH;
    wire [2*A_WIDTH-1:0] tree;
    assign tree[2*A_WIDTH-1:A_WIDTH] = A;
    assign tree[0] = 1'b0;
    assign Y = tree[1];
    genvar level, k;
    generate
        for (level = 0; level < B_WIDTH; level = level + 1)
            for (k = 1 << level; k < 2 << level; k = k + 1)
                assign tree[k] = B[B_WIDTH-1-level] ? tree[2*k+1] : tree[2*k];
    endgenerate
endmodule
