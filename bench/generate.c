/* SPDX-License-Identifier: MIT */
/*
 * Files for the benches, from a seed: the same arguments give the same bytes.
 *
 *     generate sales   ROWS SEED FILE          9 columns, of them 2 quoted
 *     generate numeric ROWS SEED FILE          a key, an integer and 3 floats
 *     generate keyed   ROWS SEED FILE FIRST    a key from FIRST on, in a scattered order, and 4 columns
 *     generate ascending ROWS SEED FILE FIRST  the same with the keys in their order
 *     generate bytes   BYTES SEED FILE         sales, as many rows as it takes; prints how many
 *     generate small   ROWS SEED FOLDER FILES  FILES files of ROWS sales each, FOLDER/sNNNNNN.csv
 *
 * The file is written under its own name; who wants it complete at once writes beside and renames.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER = 1 << 20, ROW_MAX = 512 };

struct out {
    FILE *file;
    size_t n;
    uint64_t written;
    char bytes[BUFFER];
};

static void fail(const char *what)
{
    fprintf(stderr, "generate: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void flush(struct out *o)
{
    if (fwrite(o->bytes, 1, o->n, o->file) != o->n) fail("write");
    o->written += o->n;
    o->n = 0;
}

static void put(struct out *o, const char *text)
{
    size_t n = strlen(text);
    memcpy(o->bytes + o->n, text, n);
    o->n += n;
}

static void put_char(struct out *o, char c)
{
    o->bytes[o->n++] = c;
}

/* At least `digits` digits */
static void put_number(struct out *o, uint64_t v, unsigned digits)
{
    char text[20];
    unsigned n = 0;
    for (; v > 0 || n < digits; v /= 10)
        text[n++] = (char)('0' + v % 10);
    while (n > 0)
        put_char(o, text[--n]);
}

static void put_cents(struct out *o, uint64_t cents)
{
    put_number(o, cents / 100, 1);
    put_char(o, '.');
    put_number(o, cents % 100, 2);
}

/* Steele, Lea, Flood, "Fast splittable pseudorandom number generators" */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t below(uint64_t *state, uint64_t n)
{
    return (uint64_t)((unsigned __int128)random_next(state) * n >> 64);
}

static void put_time(struct out *o, uint64_t *seed)
{
    put_number(o, 2015 + below(seed, 10), 4);
    put_char(o, '-');
    put_number(o, 1 + below(seed, 12), 2);
    put_char(o, '-');
    put_number(o, 1 + below(seed, 28), 2);
    put_char(o, ' ');
    put_number(o, below(seed, 24), 2);
    put_char(o, ':');
    put_number(o, below(seed, 60), 2);
    put_char(o, ':');
    put_number(o, below(seed, 60), 2);
}

static void sales_row(struct out *o, uint64_t id, uint64_t *seed)
{
    static const char *const item[] = {
        "\"Desk, oak\"",         "\"Lamp \"\"Nova\"\" 2\"", "\"Chair, with arms, grey\"", "\"Shelf, 3 boards\"",
        "\"Table 27\"\" wide\"", "\"Sofa, two seats\"",     "\"Rug, wool, 200 x 300\"",   "\"Bed \"\"Alm\"\"\""};
    static const char *const channel[] = {"web", "shop", "phone", "partner"};
    static const char *const place[] = {"\"Lyon, FR\"",   "\"Porto, PT\"", "\"Graz, AT\"",  "\"Köln, DE\"",
                                        "\"Gdańsk, PL\"", "\"Turin, IT\"", "\"Ghent, BE\"", "\"Bern, CH\"",
                                        "\"Oslo, NO\"",   "\"Malmö, SE\"", "\"Cork, IE\"",  "\"Leeds, UK\""};
    uint64_t quantity = 1 + below(seed, 20), price = 100 + below(seed, 99900);
    put_number(o, id, 1);
    put_char(o, ',');
    put_number(o, 100000 + below(seed, 900000), 1);
    put_char(o, ',');
    put_time(o, seed);
    put_char(o, ',');
    put(o, item[below(seed, sizeof item / sizeof *item)]);
    put_char(o, ',');
    put(o, channel[below(seed, sizeof channel / sizeof *channel)]);
    put_char(o, ',');
    put_number(o, quantity, 1);
    put_char(o, ',');
    put_cents(o, price);
    put_char(o, ',');
    put_cents(o, quantity * price);
    put_char(o, ',');
    put(o, place[below(seed, sizeof place / sizeof *place)]);
    put_char(o, '\n');
}

/* A number of six decimals between -limit and limit */
static void put_reading(struct out *o, uint64_t limit, uint64_t *seed)
{
    if (below(seed, 2)) put_char(o, '-');
    put_number(o, below(seed, limit), 1);
    put_char(o, '.');
    put_number(o, below(seed, 1000000), 6);
}

static void numeric_row(struct out *o, uint64_t id, uint64_t *seed)
{
    put_number(o, id, 1);
    put_char(o, ',');
    put_number(o, below(seed, 100000), 1);
    put_char(o, ',');
    put_reading(o, 1000, seed);
    put_char(o, ',');
    put_reading(o, 10, seed);
    put_char(o, ',');
    put_reading(o, 100000, seed);
    put_char(o, '\n');
}

static void keyed_row(struct out *o, uint64_t id, uint64_t *seed)
{
    put_number(o, id, 1);
    put(o, ",name ");
    put_number(o, below(seed, 1000000), 1);
    put_char(o, ',');
    put_time(o, seed);
    put_char(o, ',');
    put_number(o, below(seed, 1000), 1);
    put_char(o, ',');
    put_cents(o, below(seed, 10000000));
    put_char(o, '\n');
}

struct kind {
    const char *name, *header;
    void (*row)(struct out *o, uint64_t id, uint64_t *seed);
};
static const struct kind kinds[] = {
    {"sales", "order_id,customer_id,ordered,item,channel,quantity,price,amount,place\n", sales_row},
    {"numeric", "id,station,level,drift,flow\n", numeric_row},
    {"keyed", "id,name,changed,level,amount\n", keyed_row},
    {"ascending", "id,name,changed,level,amount\n", keyed_row},
};

struct span {
    uint64_t rows, bytes; /* whichever is reached first; 0 bytes: any */
    uint64_t first;       /* the first id */
    bool scattered;       /* ids in another order */
};

/* Rows written */
static uint64_t write_file(struct out *o, const char *path, const struct kind *k, const struct span *s, uint64_t *seed)
{
    o->file = fopen(path, "wb");
    if (!o->file) fail(path);
    o->n = 0;
    o->written = 0;
    put(o, k->header);
    uint64_t i = 0, step = 7919; /* a prime: i * step mod rows meets every number once, unless it divides rows */
    if (s->rows % step == 0) step = 7927;
    for (; i < s->rows && (s->bytes == 0 || o->written + o->n < s->bytes); i++) {
        k->row(o, s->first + (s->scattered ? (uint64_t)((unsigned __int128)i * step % s->rows) : i), seed);
        if (o->n > BUFFER - ROW_MAX) flush(o);
    }
    flush(o);
    if (fclose(o->file) != 0) fail(path);
    return i;
}

static void write_small(struct out *o, const char *folder, uint64_t rows, uint64_t files, uint64_t *seed)
{
    char path[4096];
    for (uint64_t i = 0; i < files; i++) {
        snprintf(path, sizeof path, "%s/s%06" PRIu64 ".csv", folder, i);
        write_file(o, path, &kinds[0], &(struct span){.rows = rows, .first = i * rows}, seed);
    }
}

int main(int argc, char **argv)
{
    static struct out out;
    if (argc < 5) {
        fputs("usage: generate sales|numeric|keyed|ascending|bytes|small ROWS SEED FILE [FIRST|FILES]\n", stderr);
        return 2;
    }
    uint64_t rows = strtoull(argv[2], NULL, 10), seed = strtoull(argv[3], NULL, 10),
             more = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
    struct span span = {.rows = rows, .first = more};
    if (strcmp(argv[1], "small") == 0) {
        write_small(&out, argv[4], rows, more, &seed);
        return 0;
    }
    if (strcmp(argv[1], "bytes") == 0) {
        span = (struct span){.rows = UINT64_MAX, .bytes = rows};
        printf("%" PRIu64 "\n", write_file(&out, argv[4], &kinds[0], &span, &seed));
        return 0;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(argv[1], kinds[i].name) != 0) continue;
        span.scattered = i == 2;
        write_file(&out, argv[4], &kinds[i], &span, &seed);
        return 0;
    }
    fprintf(stderr, "generate: no such kind: %s\n", argv[1]);
    return 2;
}
