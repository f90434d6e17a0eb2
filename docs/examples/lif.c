/* A leaky integrate-and-fire layer on a time grid, as a program that bio_scnn can check.
 *
 *     cc -std=c99 -O2 -o lif lif.c -lm
 *     ./lif DIR            reads DIR/setup.json and DIR/current.npy,
 *                          writes DIR/spikes.csv, DIR/membrane.csv and DIR/capabilities.json
 *
 * The formats are those of docs/exchange-format.md. V is exact at the ends of the steps, a spike
 * is dated to the end of the step in which V reaches the threshold, and V is held at V_reset for
 * a whole number of steps.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *which) {
    fprintf(stderr, "lif: %s %s\n", what, which);
    exit(1);
}

static FILE *open_in(const char *dir, const char *name, const char *mode) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        fail("path too long:", dir);
    FILE *file = fopen(path, mode);
    if (!file) fail("cannot open", path);
    return file;
}

/* setup.json has no nesting and each key once: the number after "key": is the value. */
static double number(const char *json, const char *key) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(json, quoted);
    if (!at) fail("setup.json lacks", key);
    return strtod(at + strlen(quoted), NULL);
}

/* Format version 1.0: 8 bytes of magic and version, the header's length, the header, the data. */
static double *read_npy(const char *dir, const char *name, size_t count) {
    unsigned char head[10];
    FILE *file = open_in(dir, name, "rb");
    if (fread(head, 1, 10, file) != 10 || memcmp(head, "\x93NUMPY\x01", 7))
        fail("not a NumPy file of version 1:", name);
    size_t length = head[8] + 256u * head[9];
    char *header = calloc(length + 1, 1);
    double *data = malloc(count * sizeof *data);
    if (!header || !data) fail("no memory for", name);
    if (fread(header, 1, length, file) != length || !strstr(header, "'<f8'") ||
        !strstr(header, "'fortran_order': False"))
        fail("not little-endian float64 in C order:", name);
    if (fread(data, sizeof *data, count, file) != count) fail("too short:", name);
    free(header);
    fclose(file);
    return data;
}

int main(int argc, char **argv) {
    if (argc != 2) fail("usage: lif DIR", "");
    const char *dir = argv[1];
    char json[4096];
    FILE *file = open_in(dir, "setup.json", "rb");
    json[fread(json, 1, sizeof json - 1, file)] = 0;
    fclose(file);
    if (number(json, "version") != 1) fail("unknown format version in", "setup.json");

    const size_t steps = (size_t)number(json, "steps"), neurons = (size_t)number(json, "neurons");
    const double dt = number(json, "dt_ms"), t_ref = number(json, "t_ref_ms");
    const double R = number(json, "R"), V_th = number(json, "V_th");
    const double V_reset = number(json, "V_reset");
    const double decay = exp(-dt / number(json, "tau_ms"));
    const long held_steps = lround(t_ref / dt);

    if (fabs(t_ref / dt - held_steps) > 1e-6) {
        file = open_in(dir, "cannot.txt", "wb");
        fprintf(file, "a refractory period of %g ms: it is a whole number of steps\n", t_ref);
        fclose(file);
        return 0;
    }

    double *current = read_npy(dir, "current.npy", steps * neurons);
    double *V = malloc(neurons * sizeof *V);
    long *held = calloc(neurons, sizeof *held); /* steps for which V is still held */
    if (!V || !held) fail("no memory", "");
    for (size_t i = 0; i < neurons; i++) V[i] = V_reset;

    FILE *spikes = open_in(dir, "spikes.csv", "wb"), *trace = open_in(dir, "membrane.csv", "wb");
    fprintf(spikes, "neuron,time_ms\n");
    for (size_t n = 0; n < steps; n++) {
        for (size_t i = 0; i < neurons; i++) {
            const double V_inf = R * current[n * neurons + i];
            if (held[i] > 0) {
                held[i]--;
            } else {
                V[i] = V_inf + (V[i] - V_inf) * decay;
                if (V[i] >= V_th) {
                    V[i] = V_reset;
                    held[i] = held_steps;
                    fprintf(spikes, "%zu,%.17g\n", i, (n + 1) * dt);
                }
            }
            fprintf(trace, "%.17g%c", V[i], i + 1 < neurons ? ',' : '\n');
        }
    }
    if (fclose(spikes) || fclose(trace)) fail("cannot write to", dir);

    file = open_in(dir, "capabilities.json", "wb");
    fprintf(file, "{\"refractory\": \"steps\", \"spike_label\": \"end\", "
                  "\"membrane\": \"after reset\"}\n");
    fclose(file);
    free(current), free(V), free(held);
    return 0;
}
