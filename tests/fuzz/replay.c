/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds every file of the folders given to the fuzz target, once: the corpus as an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int feed(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t *data;
    size_t n;

    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        fclose(f);
        return 0;
    }
    /* An exact allocation, so that a sanitizer sees a read one byte too far. */
    data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
    n = data ? fread(data, 1, (size_t)st.st_size, f) : 0;
    fclose(f);
    LLVMFuzzerTestOneInput(data, n);
    free(data);
    return 1;
}

int main(int argc, char **argv)
{
    int n_fed = 0;

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0); /* libFuzzer begins with it, too */
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);

        if (!dir) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *e; (e = readdir(dir));) {
            char path[4096];
            int fed;

            snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            fed = feed(path);
            if (fed < 0)
                return 1;
            n_fed += fed;
        }
        closedir(dir);
    }
    printf("%d inputs\n", n_fed);
    return n_fed > 0 ? 0 : 1;
}
