import { type AdapterCases, testAdapters } from '../testing/adapters.js';
import { wavs } from '../testing/tree.js';

/** Tiny copies in the official layouts, with the traps that these sets hold. Sets that are evaluated too have theirs beside. */
const CASES: AdapterCases = {
  cochlscene: {
    files: wavs(
      'CochlScene/Train/Bus/Bus_user0123_1.wav',
      'CochlScene/Train/Moon/m.wav',
      'CochlScene/Test/Bus/b.wav',
    ),
    items: [
      {
        id: 'Train/Bus/Bus_user0123_1.wav',
        audio: 'CochlScene/Train/Bus/Bus_user0123_1.wav',
        split: 'Train',
        labels: ['Bus'],
      },
      { audio: 'CochlScene/Test/Bus/b.wav', split: 'Test' },
    ],
    problems: ['missing-split Val', 'unknown-label Train/Moon'],
  },
  'msp-podcast': {
    files: {
      'Labels/labels_consensus.csv':
        'FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\nMSP-PODCAST_0001_0008.wav,N,2,4,3,127,Male,Test1\n' +
        'MSP-PODCAST_0001_0019.wav,X,2,4,3,127,Male,Train\nMSP-PODCAST_0002_0001.wav,A,2,4,3,1,Male,Validation\nz.wav,Q,2,4,3,1,Male,Train\n',
      ...wavs(
        'Audios/MSP-PODCAST_0001_0008.wav',
        'Audios/MSP-PODCAST_0001_0019.wav',
        'Audios/MSP-PODCAST_0002_0001.wav',
        'Audios/z.wav',
      ),
    },
    items: [
      { audio: 'Audios/MSP-PODCAST_0001_0019.wav', split: 'Train', labels: ['no agreement'] },
      { audio: 'Audios/MSP-PODCAST_0002_0001.wav', split: 'Development', labels: ['angry'] },
      { audio: 'Audios/MSP-PODCAST_0001_0008.wav', split: 'Test1', labels: ['neutral'] },
    ],
    problems: ['unknown-label Labels/labels_consensus.csv:5'],
  },
  'cmu-mosi': {
    files: {
      'label.csv':
        'video_id,clip_id,text,label,annotation,mode\n03bSnISJMiM,1,"ANYHOW, IT WAS GOOD",2.4,Positive,train\n-x,2,t,-0.2,Negative,test\n-x,3,t,7,Negative,test\n-x,4,t,,Negative,test\n',
      ...wavs('Audio/WAV_16000/Segmented/03bSnISJMiM_1.wav', 'Raw/-x/2.wav'),
    },
    items: [
      {
        id: '03bSnISJMiM_1',
        audio: 'Audio/WAV_16000/Segmented/03bSnISJMiM_1.wav',
        split: 'train',
        sentiment: 2.4,
        sources: ['youtube:03bSnISJMiM'],
      },
      { audio: 'Raw/-x/2.wav', split: 'test', sentiment: -0.2 },
    ],
    problems: ['bad-row label.csv:4', 'bad-row label.csv:5'],
  },
  'cmu-mosei': {
    files: {
      'label.csv': 'video_id,clip_id,label,mode,start,end\n--qXJuDtHPw,5,0,train,23.199,30.325\n',
      ...wavs('Audio/WAV_16000/Full/--qXJuDtHPw.wav'),
    },
    items: [
      {
        id: '--qXJuDtHPw_5',
        audio: 'Audio/WAV_16000/Full/--qXJuDtHPw.wav',
        sentiment: 0,
        start: 23.199,
        end: 30.325,
      },
    ],
  },
  meld: {
    files: {
      'train_sent_emo.csv':
        'Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n' +
        '1,"also I was the point person, ""right?""\nOh.",Chandler,neutral,neutral,0,0,8,21,"00:16:16,059","00:16:21,731"\n2,Whoa,Joey,surprise,odd,0,1,8,21,a,b\n3,Ha,Joey,joy,positive,0,2,8,21,a,b\n',
      'dev_sent_emo.csv': 'Emotion,Sentiment,Dialogue_ID,Utterance_ID\nanger,negative,0,0\n',
      'train/train_splits/dia0_utt2.mp4': '',
      ...wavs('train/train_splits/dia0_utt0.wav', 'dev_splits_complete/dia0_utt0.wav'),
    },
    items: [
      {
        id: 'train/dia0_utt0',
        audio: 'train/train_splits/dia0_utt0.wav',
        labels: ['neutral'],
        sentiment: 'neutral',
      },
      { audio: 'train/train_splits/dia0_utt2.mp4', labels: ['joy'], sentiment: 'positive' },
      {
        id: 'dev/dia0_utt0',
        audio: 'dev_splits_complete/dia0_utt0.wav',
        split: 'dev',
        sentiment: 'negative',
      },
    ],
    problems: ['missing-split test', 'unknown-label train_sent_emo.csv:4'],
  },
  fma: {
    files: {
      'fma_metadata/tracks.csv':
        ',album,set,set,track,track,track,track\n,information,split,subset,genre_top,genres_all,language_code,tags\ntrack_id,,,,,,,\n' +
        '2,"<p>one, two\nthree ""four""</p>",training,small,Hip-Hop,[21],en,"[\'hip hop\', ""rock\'n\'roll""]"\n' +
        '140,,test,large,,"[17, 21]",,[]\n141,,training,large,,[99],,[]\n5,,training,large,Folk,[17],,[]\n',
      'fma_metadata/genres.csv':
        'genre_id,#tracks,parent,title,top_level\n21,3552,0,Hip-Hop,21\n17,2803,0,Folk,17\n',
      ...wavs('fma_small/000/000002.mp3', 'fma_small/000/000140.mp3', 'fma_small/000/000141.mp3'),
    },
    items: [
      {
        id: '000002',
        audio: 'fma_small/000/000002.mp3',
        split: 'training',
        music: { genres: ['Hip-Hop'], language: 'en', tags: ['hip hop', "rock'n'roll"] },
      },
      {
        id: '000140',
        audio: 'fma_small/000/000140.mp3',
        split: 'test',
        music: { genres: ['Folk', 'Hip-Hop'], tags: [] },
      },
    ],
    problems: ['unknown-label fma_metadata/tracks.csv:7', 'missing-audio fma_metadata/tracks.csv:8'],
  },
  wavtext5k: {
    files: {
      'WavText5K.csv':
        'view_link,download_link,title,description,fname,tags\n' +
        'https://soundbible.com/2219-A.html,https://soundbible.com/grab.php?id=2219&type=wav,Dog," A dog, barking.",dog bark_0.wav,"[\'dog\', \'bark\']"\n' +
        'https://bigsoundbank.com/detail-0477.html,https://bigsoundbank.com/UPLOAD/wav/0477.wav,Wilhelm scream,,0477.wav,\n' +
        'x,http://x.org/sounds/rain%202.mp3?dl=1,Rain,Rain falls,,\nx,,No,file,,\n',
      ...wavs('Webcrawl/44100/audios/dog bark_0.wav', 'download/0477.wav', 'audio/rain%202.mp3'),
    },
    items: [
      {
        id: 'dog bark_0.wav',
        audio: 'Webcrawl/44100/audios/dog bark_0.wav',
        split: 'all',
        captions: ['A dog, barking.'],
        sources: ['soundbible:2219'],
      },
      { id: '0477.wav', audio: 'download/0477.wav', captions: ['Wilhelm scream'] },
      { id: 'rain%202.mp3', audio: 'audio/rain%202.mp3', captions: ['Rain falls'] },
    ],
    problems: ['bad-row WavText5K.csv:5'],
  },
  sounddescs: {
    files: {
      'BBCSoundEffects.csv':
        'location,description,secs,category,CDNumber,CDName,tracknum\n07076051.wav,"Two-stroke petrol engine, idling",194,"Engines: Petrol",ECD1,x,1\n07076052.wav,Door,1,x,y,z,2\n',
      'train_list.txt': '07076051\r\nmissing1\r\n',
      'test_list.txt': '07076052\n',
      ...wavs('audio/07076051.wav', 'audio/07076052.wav'),
    },
    items: [
      {
        id: '07076051',
        audio: 'audio/07076051.wav',
        split: 'train',
        captions: ['Two-stroke petrol engine, idling'],
        sources: ['bbc:07076051'],
      },
      { id: '07076052', audio: 'audio/07076052.wav', split: 'test' },
    ],
    problems: ['missing-split val', 'bad-row train_list.txt'],
  },
  macs: {
    files: {
      'MACS.yaml':
        'files:\n- filename: airport-barcelona-0-0-a.wav\n  annotations:\n  - annotator_id: 43\n    sentence: Adults talking\n    tags:\n    - adults_talking\n  - annotator_id: 4\n    sentence: "yes: people"\n    tags:\n    - adults_talking\n    - footsteps\n- filename: b.wav\n  annotations: none\n',
      ...wavs('TAU-urban-acoustic-scenes-2019-development/audio/airport-barcelona-0-0-a.wav'),
    },
    items: [
      {
        id: 'airport-barcelona-0-0-a.wav',
        audio: 'TAU-urban-acoustic-scenes-2019-development/audio/airport-barcelona-0-0-a.wav',
        captions: ['Adults talking', 'yes: people'],
        labels: ['adults_talking', 'footsteps'],
      },
    ],
    problems: ['bad-row MACS.yaml'],
  },
  wavcaps: {
    files: {
      'json_files/FreeSound/fsd_final.json': JSON.stringify({
        num_captions_per_audio: 1,
        data: [
          { id: '180913', caption: 'Rain falls.', duration: 3.5 },
          { id: '2', caption: '  ' },
          { id: '3' },
        ],
      }),
      'json_files/AudioSet_SL/as_final.json': JSON.stringify({
        data: [{ id: 'Y-bRoNh7i0d8.wav', caption: 'A dog barks.' }],
      }),
      'blacklist/blacklist_exclude_test_ac.json': JSON.stringify({
        FreeSound: ['180913'],
        AudioSet: ['Yother.wav'],
      }),
      'json_files/blacklist/blacklist_exclude_ub8k_esc50_vggsound.json': JSON.stringify({
        AudioSet: ['Y-bRoNh7i0d8.wav'],
      }),
      ...wavs(
        'waveforms/FreeSound_flac/180913.flac',
        'waveforms/FreeSound_flac/2.flac',
        'AudioSet_SL/Y-bRoNh7i0d8.flac',
      ),
    },
    items: [
      {
        id: 'AudioSet_SL/Y-bRoNh7i0d8',
        audio: 'AudioSet_SL/Y-bRoNh7i0d8.flac',
        split: 'AudioSet_SL',
        sources: ['youtube:-bRoNh7i0d8'],
        blacklists: ['ub8k_esc50_vggsound'],
      },
      {
        id: 'FreeSound/180913',
        audio: 'waveforms/FreeSound_flac/180913.flac',
        captions: ['Rain falls.'],
        sources: ['freesound:180913'],
        blacklists: ['test_ac'],
      },
    ],
    problems: [
      'missing-split BBC_Sound_Effects',
      'missing-split SoundBible',
      'missing-list blacklist/blacklist_exclude_all_ac.json',
      'empty-text json_files/FreeSound/fsd_final.json',
      'bad-row json_files/FreeSound/fsd_final.json',
    ],
  },
  freesound: {
    files: {
      'manifest.csv':
        'audio,caption,id\na/77_user_dog.wav,A dog,\nrain.wav,Rain,88\n../../etc/passwd,x,\n/etc/passwd,x,\nhttp://x.org/a.wav,x,\n',
      ...wavs('a/77_user_dog.wav', 'rain.wav'),
    },
    items: [
      { id: 'a/77_user_dog.wav', audio: 'a/77_user_dog.wav', captions: ['A dog'], sources: ['freesound:77'] },
      { id: 'rain.wav', audio: 'rain.wav', sources: ['freesound:88'] },
    ],
    problems: ['outside-root manifest.csv:4', 'outside-root manifest.csv:5', 'outside-root manifest.csv:6'],
  },
  findsound: {
    files: { 'findsound/manifest.csv': 'audio,caption\na.wav,A dog\n', ...wavs('findsound/a.wav') },
    items: [{ id: 'a.wav', audio: 'findsound/a.wav', captions: ['A dog'] }],
  },
};

testAdapters(CASES);
