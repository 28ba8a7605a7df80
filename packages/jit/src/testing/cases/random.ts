import { fold, keysFrom, uniform } from '@pengi/nn';
import { caseList } from './case.js';

const { add, cases, int } = caseList('random');

export { cases as randomCases };

add(
  'hash uniform',
  (seeds) => uniform(fold(keysFrom(seeds!), 'site'), [3, 5]),
  [int([4], -1000, 1000)],
  false,
);
