import { defineDataSet } from './data-set.js';
import { isAudioName } from './finder.js';

export const cochlScene = defineDataSet({
  id: 'cochlscene',
  title: 'CochlScene',
  licence: 'CC BY-SA 3.0',
  source: { url: 'https://zenodo.org/records/7080122', archives: ['CochlScene.z01 …', 'CochlScene.zip'] },
  folders: ['CochlScene'],
  layout: ['{Train,Val,Test}/{Scene}/*.wav'],
  // 76,115 in all, as in the data set's paper (Jeong and Park, 2022: "76k"); how they are split was not checked with a source.
  splits: {
    Train: { official: 60855, needs: ['Train/Bus'] },
    Val: { official: 7573, needs: ['Val/Bus'] },
    Test: { official: 7687, needs: ['Test/Bus'] },
  },
  classes: [
    'Bus',
    'Cafe',
    'Car',
    'CrowdedIndoor',
    'Elevator',
    'Kitchen',
    'Park',
    'ResidentialArea',
    'Restaurant',
    'Restroom',
    'Street',
    'Subway',
    'SubwayStation',
  ],
  async *readSplit(source, split) {
    for (const scene of await source.list(split))
      for (const name of (await source.list(`${split}/${scene}`)).filter(isAudioName))
        yield {
          id: `${split}/${scene}/${name}`,
          at: { file: `${split}/${scene}` },
          audio: `${split}/${scene}/${name}`,
          labels: [scene],
        };
  },
});
