import type { Check } from '../check.js';

export const checkHtsat: Check = async () => true;
