/** An IPv4 address as a number. */
export const toNumber = (address: string): number =>
  address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);

/** A number as an IPv4 address. */
export const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");

/** The host number in an address: 11 for 192.0.2.11/24. */
export const hostPart = (address: string, prefixLength: number): number => toNumber(address) % 2 ** (32 - prefixLength);

/** The address of the network that an address is in. */
export const networkOf = (address: string, prefixLength: number): string =>
  dotted(toNumber(address) - hostPart(address, prefixLength));
