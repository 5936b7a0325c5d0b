/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files as openvpn 2.6.14 --genkey wrote them, made for these tests. sample_client was made with
 * sample_server and the generator's default metadata, a timestamp.
 */
#ifndef ADIT_TESTS_KEYFILE_SAMPLES_H
#define ADIT_TESTS_KEYFILE_SAMPLES_H

static const char sample_static[] = "#\n"
                                    "# 2048 bit OpenVPN static key\n"
                                    "#\n"
                                    "-----BEGIN OpenVPN Static key V1-----\n"
                                    "4f7b83a9aed95a7cf309ddc96e0ddcdd\n"
                                    "e8c8bf57c5a441268329fe2ca7b648d6\n"
                                    "335b77102831513dc9f93531ea9ecc6f\n"
                                    "dce0e1450538bfa2b571c701d58e50b0\n"
                                    "08a0811c6a87f4344a72444d91c83277\n"
                                    "8a9648d38914302d657c327b74d12f67\n"
                                    "9a3ce41b48a8fd4d8706f7b575843e54\n"
                                    "3db17c5d33a99ce3b79c2c3f78a73b14\n"
                                    "9bd5f5e642e0266baaeedc1772dfdc91\n"
                                    "26d320e825b212e4a898594e72cd9c17\n"
                                    "f2c5ce2d7ce9b768a9b87c9977566b5c\n"
                                    "a9a9604e21f86f087a75141d7d3f457b\n"
                                    "6d3bd27a5c1304ce602517bda103fca8\n"
                                    "81f7bbb7b1889290b52915543f98c06f\n"
                                    "468ac6bb54997be8ccbc9dc2d385584c\n"
                                    "23a116f015b6bce1ed60437ebc6f3144\n"
                                    "-----END OpenVPN Static key V1-----\n";

static const char sample_server[] = "-----BEGIN OpenVPN tls-crypt-v2 server key-----\n"
                                    "Y+7J/EJ6gaxhLa5tJPQxtAeb7mFc0hfHUXGmV0P1sU5NS3fgnuyfedYR9Eimwc/b\n"
                                    "0i5mruEaq6yEO8X12M6fEuFzpo5ArTWnA+pBa2fDpMm3twCMmnlvVbJ5cqX+/s8Q\n"
                                    "YWGO1I0KEijCj0cmwBV0ASpaVyRNlAGRrrVe+yR+ytY=\n"
                                    "-----END OpenVPN tls-crypt-v2 server key-----\n";

static const char sample_client[] = "-----BEGIN OpenVPN tls-crypt-v2 client key-----\n"
                                    "PSOxagKwW/7jeqFYfeMoYtPJ1H5ENdLSXJ7r1RC+Qi10E76mthkKQmN9lEt7+L9I\n"
                                    "lo6cauf4yZatgzCu9YuRVDZEqgTuH8zyNBxB6ts5ASVpv6Fmxog2c7J+9RojARvN\n"
                                    "3vo3DaG6PjtQlTgAKsRZ7PjjpYm0j+jPDHEMw/9LUg3Mij13ckfDzrRB7QNpkxTU\n"
                                    "/wq6i03049c+zgEoRAYKNCyAnBYyDVL66+TU814Jz19XQ8w1+78WEeAK+ZE8IEnL\n"
                                    "aicOkgDNY/L8RDIjS3S2Iyhw4USJkTZNfmPXgeQQGrFsWE+KIY072pBY7YTzeQap\n"
                                    "PlKfrKjUBFhBBWVkgmSmDaa17i2dcCZZm9gUkH0KrwbS1H3pgFMx4WiuKu5wvXLd\n"
                                    "l61kox7tu68pFy/Grj+s9Q9AYiH49+8GxwKCC5pA2sW9v/tLJ7uXLTx2VYLHn0DJ\n"
                                    "N73BVLAWXfyTHOtJ+JgFzcvqred+pb/j0GV9vxcW8CSId2GjYUe03r+LqbqHa60r\n"
                                    "6QlBaI5fOSEGmq2yRavXmzreMTRHZTmaduz7RcdSvIBDyg9OnayUi+AfRs9J7el1\n"
                                    "DHD2tcDxMQLqe/dHUcWRJ0+JwKBipekeH//4+4VObEJR7YrkP3xbcUqvS9zM35fU\n"
                                    "a+K54RTI/GXzSFX5112DUdOoiZcJiTfcZIqsJ73zxgdQ3Ts0WzEbILC9d+9erevu\n"
                                    "sCqCifv8LJSZgK7Mgbam+hMPj2y8P1xXrgEr\n"
                                    "-----END OpenVPN tls-crypt-v2 client key-----\n";

static const char sample_token[] = "-----BEGIN OpenVPN auth-token server key-----\n"
                                   "UbbLl4T2TjfvWAfjvg08p9ytvGw1WrmbZF0/NzCMVQGcc9QHd77qEviysQ8OFE5J\n"
                                   "liK2iTX8vR4umrUUjkGoERYHy4spymMR2Whji+A201h6KMScRy6rSC+9467Y3lJe\n"
                                   "hxh6Jcxb/hw3y24KAQXD1IAX3k6Us8SEYMD+YrVg05I=\n"
                                   "-----END OpenVPN auth-token server key-----\n";

#endif
