// Reading what the API answers. Members that are missing or of another type read as empty: an older or newer server
// must not break a listing.

import type { Json } from "../client.ts";

const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const text = (row: Json, name: string): string => {
  const value = row[name];
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
};

export const isTrue = (row: Json, name: string): boolean => row[name] === true;

export const number = (row: Json, name: string): number => {
  const value = row[name];
  return typeof value === "number" ? value : 0;
};

export const object = (row: Json, name: string): Json | undefined => {
  const value = row[name];
  return isJson(value) ? value : undefined;
};

export const rows = (row: Json, name: string): readonly Json[] => {
  const value = row[name];
  return Array.isArray(value) ? value.filter(isJson) : [];
};

export const texts = (row: Json, name: string): readonly string[] => {
  const value = row[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
};
