import { type AdapterCases, testAdapters } from '../testing/adapters.js';
import { wavs } from '../testing/tree.js';

/** Tiny copies in the official layouts, with the traps that these sets hold. */
const CASES: AdapterCases = {
  esc50: {
    files: {
      'ESC-50-master/meta/esc50.csv':
        '\uFEFFfilename,fold,target,category,esc10,src_file,take\r\n1-100032-A-0.wav,1,0,dog,True,100032,A\r\n5-9-A-10.wav,5,10,rain,True,9,A\r\n' +
        '5-8-A-10.wav,6,10,rain,True,8,A\r\n1-7-A-1.wav,1,1,unicorn,False,7,A\r\n1-6-A-0.wav,1,0,dog,True,6,A\r\n1-100032-A-0.wav,1,0,dog,True,100032,A\r\n',
      ...wavs(
        'ESC-50-master/audio/1-100032-A-0.wav',
        'ESC-50-master/audio/5-9-A-10.wav',
        'ESC-50-master/audio/1-7-A-1.wav',
      ),
    },
    items: [
      {
        id: '1-100032-A-0.wav',
        audio: 'ESC-50-master/audio/1-100032-A-0.wav',
        split: 'all',
        fold: 1,
        labels: ['dog'],
        sources: ['freesound:100032'],
      },
      { audio: 'ESC-50-master/audio/5-9-A-10.wav', fold: 5, labels: ['rain'] },
    ],
    problems: [
      'bad-row meta/esc50.csv:4',
      'unknown-label meta/esc50.csv:5',
      'missing-audio meta/esc50.csv:6',
      'duplicate meta/esc50.csv:7',
    ],
  },
  'esc50-actions': {
    files: {
      'meta/esc50.csv':
        'filename,fold,target,category,esc10,src_file,take\na.wav,1,0,dog,True,1,A\nb.wav,2,20,crying_baby,True,2,A\n',
      ...wavs('audio/a.wav', 'audio/b.wav'),
    },
    items: [{ audio: 'audio/b.wav', fold: 2, labels: ['crying_baby'] }],
  },
  audiocaps: {
    files: {
      'AudioCaps/dataset/test.csv':
        'audiocap_id,youtube_id,start_time,caption\n1,-abc_-DEFgh,30,"A dog barks, then a ""door"" slams"\n2,-abc_-DEFgh,30,A dog\n3,xyz,0,\n4,gone,5,Rain\n5,e,1,torn,row\n',
      'AudioCaps/dataset/train.csv': 'audiocap_id,youtube_id,start_time,caption\n9,tr,10,Wind blows\n',
      ...wavs(
        'AudioCaps/audio/test/-abc_-DEFgh_30.wav',
        'AudioCaps/audio/test/Yxyz.wav',
        'AudioCaps/audio/train/9.wav',
      ),
    },
    items: [
      { id: 'tr_10', audio: 'AudioCaps/audio/train/9.wav', split: 'train', captions: ['Wind blows'] },
      {
        id: '-abc_-DEFgh_30',
        audio: 'AudioCaps/audio/test/-abc_-DEFgh_30.wav',
        split: 'test',
        captions: ['A dog barks, then a "door" slams', 'A dog'],
        sources: ['youtube:-abc_-DEFgh'],
      },
    ],
    problems: [
      'missing-split val',
      'bad-row dataset/test.csv:6',
      'empty-text dataset/test.csv:4',
      'missing-audio dataset/test.csv:5',
    ],
  },
  clotho: {
    files: {
      'clotho_csv_files/clotho_captions_evaluation.csv':
        'file_name,caption_1,caption_2,caption_3,caption_4,caption_5\nCafé Ñ.wav,a,b,"c, d",e,\nRain 2.wav,r,r,r,r,r\n',
      // "é" and "Ñ" as single bytes: ISO-8859-1
      'clotho_csv_files/clotho_metadata_evaluation.csv': Buffer.from(
        'file_name,keywords,sound_id,sound_link,start_end_samples,manufacturer,license\nCafé Ñ.wav,x;y,1234,http://f/1234,[0 9],José,CC0\nRain 2.wav,rain,Not found,NA,[],x,CC0\n',
        'latin1',
      ),
      // decomposed, as macOS unpacks it
      ...wavs(
        'clotho_audio_files/evaluation/Cafe\u0301 N\u0303.wav',
        'clotho_audio_files/evaluation/Rain 2.wav',
      ),
    },
    items: [
      {
        id: 'Café Ñ.wav',
        audio: 'clotho_audio_files/evaluation/Cafe\u0301 N\u0303.wav',
        split: 'evaluation',
        captions: ['a', 'b', 'c, d', 'e'],
        sources: ['clotho:Café Ñ', 'freesound:1234'],
      },
      { audio: 'clotho_audio_files/evaluation/Rain 2.wav', sources: ['clotho:Rain 2'] },
    ],
    problems: [
      'missing-split development',
      'missing-split validation',
      'empty-text clotho_csv_files/clotho_captions_evaluation.csv:2',
    ],
  },
  clothoaqa: {
    files: {
      'clotho_aqa_test.csv':
        'file_name,QuestionText,answer,confidence\na b.wav,Is it raining?,Yes,yes\na b.wav,Is it raining?,no,Maybe\na b.wav,Is it raining?,yes,Yes\na b.wav,"What, then?",Rain,yes\n',
      ...wavs('audio_files/a b.wav'),
    },
    items: [
      {
        id: 'a b.wav#Is it raining?',
        audio: 'audio_files/a b.wav',
        split: 'test',
        question: 'Is it raining?',
        answers: ['yes', 'no', 'yes'],
      },
      { audio: 'audio_files/a b.wav', question: 'What, then?', answers: ['rain'], sources: ['clotho:a b'] },
    ],
    problems: ['missing-split train', 'missing-split val'],
  },
  fsd50k: {
    files: {
      'FSD50K.ground_truth/dev.csv':
        'fname,labels,mids,split\n1,"Bark,Dog","/m/1,/m/2",train\n2,Dog,/m/2,val\n3,Dog,/m/2,other\n4,Cat,/m/3,train\n',
      'FSD50K.ground_truth/eval.csv': 'fname,labels,mids\n5,Dog,/m/2\n',
      'FSD50K.ground_truth/vocabulary.csv': '0,Bark,/m/1\n1,Dog,/m/2\n',
      ...wavs(
        'FSD50K.dev_audio/1.wav',
        'FSD50K.dev_audio/2.wav',
        'FSD50K.dev_audio/4.wav',
        'FSD50K.eval_audio/5.wav',
      ),
    },
    items: [
      {
        id: '1',
        audio: 'FSD50K.dev_audio/1.wav',
        split: 'train',
        labels: ['Bark', 'Dog'],
        sources: ['freesound:1'],
      },
      { id: '2', audio: 'FSD50K.dev_audio/2.wav', split: 'val' },
      { id: '5', audio: 'FSD50K.eval_audio/5.wav', split: 'eval', labels: ['Dog'] },
    ],
    problems: ['bad-row FSD50K.ground_truth/dev.csv:4', 'unknown-label FSD50K.ground_truth/dev.csv:5'],
  },
  urbansound8k: {
    files: {
      'metadata/UrbanSound8K.csv':
        'slice_file_name,fsID,start,end,salience,fold,classID,class\n100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark\n7-1-0-0.wav,7,0,1,2,10,1,car_horn\n8-1-0-0.wav,8,0,1,2,11,1,car_horn\n',
      ...wavs('audio/fold5/100032-3-0-0.wav', 'audio/fold10/7-1-0-0.wav'),
    },
    items: [
      { audio: 'audio/fold5/100032-3-0-0.wav', fold: 5, labels: ['dog_bark'], sources: ['freesound:100032'] },
      { audio: 'audio/fold10/7-1-0-0.wav', fold: 10, labels: ['car_horn'] },
    ],
    problems: ['bad-row metadata/UrbanSound8K.csv:4'],
  },
  'dcase17-task4': {
    files: {
      'groundtruth_release/groundtruth_weak_label_testing_set.csv':
        '-5QrBL6MzLg_60.000_70.000.wav\t60.000\t70.000\tTrain horn\n-5QrBL6MzLg_60.000_70.000.wav\t60.000\t70.000\tAir horn, truck horn\nab_c_1.000_11.000.wav\t1.000\t11.000\tCar\nq_1.000_2.000.wav\t1\t2\tUFO\n',
      'groundtruth_release/groundtruth_strong_label_evaluation_set.csv':
        'ev_0.000_10.000.wav\t0.5\t1.5\tBus\nev_0.000_10.000.wav\t3\t4\tBus\nnoname.wav\t3\t4\tBus\n',
      ...wavs(
        'audio/testing/Y-5QrBL6MzLg_60.000_70.000.wav',
        'audio/testing/ab_c_1.000_11.000.wav',
        'audio/testing/Yq_1.000_2.000.wav',
        'audio/evaluation/Yev_0.000_10.000.wav',
      ),
    },
    items: [
      {
        id: '-5QrBL6MzLg_60.000_70.000',
        audio: 'audio/testing/Y-5QrBL6MzLg_60.000_70.000.wav',
        split: 'testing',
        labels: ['Train horn', 'Air horn, truck horn'],
        sources: ['youtube:-5QrBL6MzLg'],
      },
      { audio: 'audio/testing/ab_c_1.000_11.000.wav', labels: ['Car'], sources: ['youtube:ab_c'] },
      { audio: 'audio/evaluation/Yev_0.000_10.000.wav', split: 'evaluation', labels: ['Bus'] },
    ],
    problems: [
      'missing-split training',
      'unknown-label groundtruth_release/groundtruth_weak_label_testing_set.csv:4',
      'bad-row groundtruth_release/groundtruth_strong_label_evaluation_set.csv:3',
    ],
  },
  'gtzan-music-speech': {
    files: wavs('music_speech/music_wav/bagpipe.wav', 'music_speech/speech_wav/acomic.wav'),
    items: [
      { id: 'music/bagpipe', audio: 'music_speech/music_wav/bagpipe.wav', labels: ['music'] },
      { id: 'speech/acomic', audio: 'music_speech/speech_wav/acomic.wav', labels: ['speech'] },
    ],
  },
  'gtzan-genres': {
    files: {
      ...wavs('genres/blues/blues.00000.wav', 'genres/jazz/jazz.00053.wav'),
      'genres/jazz/jazz.00054.wav': 'RIFF, but torn', // found here; decoding tells
      'genres/jazz/.DS_Store': '',
    },
    items: [
      { id: 'blues.00000', audio: 'genres/blues/blues.00000.wav', labels: ['blues'] },
      { id: 'jazz.00053', audio: 'genres/jazz/jazz.00053.wav', labels: ['jazz'] },
      { id: 'jazz.00054', audio: 'genres/jazz/jazz.00054.wav' },
    ],
  },
  'beijing-opera': {
    files: wavs(
      'beijing_opera_percussion_instrument_1.0/147002__mghb__bangu-01.wav',
      'beijing_opera_percussion_instrument_1.0/147003__mghb__xiaoluo-12.wav',
      'beijing_opera_percussion_instrument_1.0/x.wav',
    ),
    items: [
      { audio: 'beijing_opera_percussion_instrument_1.0/147002__mghb__bangu-01.wav', labels: ['bangu'] },
      { audio: 'beijing_opera_percussion_instrument_1.0/147003__mghb__xiaoluo-12.wav', labels: ['xiaoluo'] },
    ],
    problems: ['bad-row .'],
  },
  nsynth: {
    files: {
      'nsynth-test/examples.json': JSON.stringify({
        'guitar_acoustic_010-066-100': {
          pitch: 66,
          velocity: 100,
          instrument_family: 3,
          instrument_family_str: 'guitar',
          instrument_source_str: 'acoustic',
          qualities: [0],
          qualities_str: ['bright', 'tempo-synced'],
        },
        torn: { pitch: 200 },
        odd: {
          pitch: 1,
          velocity: 1,
          instrument_family_str: 'bass',
          instrument_source_str: 'x',
          qualities_str: ['blue'],
        },
      }),
      ...wavs('nsynth-test/audio/guitar_acoustic_010-066-100.wav'),
    },
    items: [
      {
        id: 'guitar_acoustic_010-066-100',
        audio: 'nsynth-test/audio/guitar_acoustic_010-066-100.wav',
        split: 'test',
        labels: ['guitar'],
        note: {
          pitch: 66,
          velocity: 100,
          family: 'guitar',
          source: 'acoustic',
          qualities: ['bright', 'tempo-synced'],
        },
      },
    ],
    problems: [
      'missing-split train',
      'missing-split valid',
      'bad-row nsynth-test/examples.json',
      'unknown-label nsynth-test/examples.json',
    ],
  },
  tut2017: {
    files: {
      'TUT-acoustic-scenes-2017-development/meta.txt':
        'audio/b020_90_100.wav\tbeach\tb020\naudio/a1_0_10.wav\tcafe/restaurant\ta1\n',
      'TUT-acoustic-scenes-2017-development/evaluation_setup/fold1_evaluate.txt':
        'audio/b020_90_100.wav\tbeach\n',
      'TUT-acoustic-scenes-2017-development/evaluation_setup/fold2_test.txt': 'audio/a1_0_10.wav\n',
      'TUT-acoustic-scenes-2017-evaluation/evaluation_setup/evaluate.txt':
        'audio/1245.wav\tbus\naudio/9.wav\n',
      ...wavs(
        'TUT-acoustic-scenes-2017-development/audio/b020_90_100.wav',
        'TUT-acoustic-scenes-2017-development/audio/a1_0_10.wav',
        'TUT-acoustic-scenes-2017-evaluation/audio/1245.wav',
        'TUT-acoustic-scenes-2017-evaluation/audio/9.wav',
      ),
    },
    items: [
      {
        audio: 'TUT-acoustic-scenes-2017-development/audio/b020_90_100.wav',
        split: 'development',
        fold: 1,
        labels: ['beach'],
      },
      {
        audio: 'TUT-acoustic-scenes-2017-development/audio/a1_0_10.wav',
        fold: 2,
        labels: ['cafe/restaurant'],
      },
      { audio: 'TUT-acoustic-scenes-2017-evaluation/audio/1245.wav', split: 'evaluation', labels: ['bus'] },
    ],
    problems: [
      'missing-list TUT-acoustic-scenes-2017-development/evaluation_setup/fold3_evaluate.txt',
      'missing-list TUT-acoustic-scenes-2017-development/evaluation_setup/fold4_evaluate.txt',
      'unknown-label TUT-acoustic-scenes-2017-evaluation/evaluation_setup/evaluate.txt:2',
    ],
  },
  'crema-d': {
    files: wavs('AudioWAV/1001_DFA_ANG_XX.wav', 'AudioWAV/1091_IEO_SAD_HI.wav', 'AudioWAV/notes.wav'),
    items: [
      { id: '1001_DFA_ANG_XX', audio: 'AudioWAV/1001_DFA_ANG_XX.wav', labels: ['ANG'] },
      { audio: 'AudioWAV/1091_IEO_SAD_HI.wav', labels: ['SAD'] },
    ],
    problems: ['bad-row AudioWAV'],
  },
  ravdess: {
    files: wavs(
      'Audio_Speech_Actors_01-24/Actor_01/03-01-05-01-02-01-01.wav',
      'Audio_Speech_Actors_01-24/Actor_02/03-01-01-01-02-01-02.wav',
      'Audio_Speech_Actors_01-24/Actor_02/03-01-09-01-02-01-02.wav',
      'Actor_01/03-02-06-01-02-01-01.wav', // songs without their folder
    ),
    items: [
      {
        id: '03-01-05-01-02-01-01',
        audio: 'Audio_Speech_Actors_01-24/Actor_01/03-01-05-01-02-01-01.wav',
        split: 'speech',
        labels: ['angry'],
      },
      { audio: 'Audio_Speech_Actors_01-24/Actor_02/03-01-01-01-02-01-02.wav', labels: ['neutral'] },
      { audio: 'Actor_01/03-02-06-01-02-01-01.wav', split: 'song', labels: ['fearful'] },
    ],
    problems: ['bad-row Audio_Speech_Actors_01-24/Actor_02'],
  },
  vocalsound: {
    files: {
      'datafiles/te.json': JSON.stringify({
        data: [
          {
            wav: '/data/sls/scratch/yuangong/vocalsound/data/audio_16k/f0003_0_cough.wav',
            labels: '/m/01b_21',
          },
          { wav: '/x/m1_throatclearing.wav', labels: '/m/01hsr_' },
        ],
      }),
      ...wavs('audio_16k/f0003_0_cough.wav'),
    },
    items: [{ id: 'f0003_0_cough', audio: 'audio_16k/f0003_0_cough.wav', split: 'te', labels: ['cough'] }],
    problems: ['missing-split tr', 'missing-split val', 'bad-row datafiles/te.json'],
  },
  sesa: {
    files: wavs('train/siren_001.wav', 'test/siren_002.wav', 'test/casual_001.wav', 'test/readme.wav'),
    items: [
      { audio: 'train/siren_001.wav', split: 'train', labels: ['siren'] },
      { audio: 'test/casual_001.wav', split: 'test', labels: ['casual'] },
      { audio: 'test/siren_002.wav', labels: ['siren'] },
    ],
    problems: ['bad-row test'],
  },
  audioset: {
    files: {
      'eval_segments.csv':
        '# Segments csv created Sun Mar  5 10:54:25 2017\n# num_ytids=20371, num_segs=20371\n# YTID, start_seconds, end_seconds, positive_labels\n' +
        '--4gqARaEJE, 0.000, 10.000, "/m/068hy,/m/07q6cd_"\n-zz, 30.000, 40.000, "/m/none"\ngone, 30.000, 40.000, "/m/068hy"\nback, 9.000, 5.000, "/m/068hy"\n',
      'class_labels_indices.csv':
        'index,mid,display_name\n0,/m/068hy,"Domestic animals, pets"\n1,/m/07q6cd_,Squeak\n',
      ...wavs('audio/eval/Y--4gqARaEJE.wav'),
    },
    items: [
      {
        id: '--4gqARaEJE_0',
        audio: 'audio/eval/Y--4gqARaEJE.wav',
        split: 'eval',
        labels: ['Domestic animals, pets', 'Squeak'],
        sources: ['youtube:--4gqARaEJE'],
      },
    ],
    problems: [
      'missing-split balanced_train',
      'missing-split unbalanced_train',
      'unknown-label eval_segments.csv:5',
      'bad-row eval_segments.csv:7',
      'missing-audio eval_segments.csv:6',
    ],
  },
  fsdd: {
    files: wavs('recordings/0_jackson_4.wav', 'recordings/9_theo_5.wav', 'recordings/nine.wav'),
    items: [
      { audio: 'recordings/9_theo_5.wav', split: 'train', labels: ['9'] },
      { audio: 'recordings/0_jackson_4.wav', split: 'test', labels: ['0'] },
    ],
    problems: ['bad-row recordings'],
  },
};

testAdapters(CASES);
