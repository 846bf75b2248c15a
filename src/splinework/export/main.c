#ifdef SPLINEWORK_MAIN
#include <stdio.h>

/* Numbers from the standard input, parted by blanks, commas or semicolons; a row of predictions for each row of inputs. */
int main(void)
{
    REAL x[NAME_inputs], y[NAME_outputs];
    int held = 0;
    for (;;) {
        double value;
        int found;
        if (scanf("%*[,; \t\r\n]") == EOF)
            break;
        found = scanf("%lf", &value);
        if (found == EOF)
            break;
        if (found != 1) {
            fprintf(stderr, "what follows %d numbers of a row is not a number\n", held);
            return 2;
        }
        x[held++] = (REAL)value;
        if (held < NAME_inputs)
            continue;
        held = 0;
        NAME_predict(x, y);
        for (int j = 0; j < NAME_outputs; j++)
            printf("%.DIGITSg%c", (double)y[j], j + 1 < NAME_outputs ? ',' : '\n');
    }
    if (held > 0) {
        fprintf(stderr, "the last row has %d numbers, not %d\n", held, (int)NAME_inputs);
        return 2;
    }
    return 0;
}
#endif
